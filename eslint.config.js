import tseslint from "typescript-eslint";

const engineOnly = [
  {
    group: ["@pulumi/pulumi/automation", "@pulumi/pulumi/automation/*"],
    message: "Only engine/pulumi.ts may import the Automation API.",
  },
];
const entries = ["server", "worker", "guardian", "runner", "aws-task", "keeper", "migrate", "cli", "start"];
const noEntry = [
  {
    group: entries.flatMap((entry) => [`**/src/${entry}.ts`, `../${entry}.ts`, `./${entry}.ts`]),
    message: "Nothing imports an entry.",
  },
];
const common = [...engineOnly, ...noEntry];
const http = [
  { group: ["fastify", "fastify-*", "@fastify/*", "**/http/*"], message: "No HTTP in this layer." },
];
const sql = [
  {
    group: ["pg", "kysely", "**/database.ts", "**/store.ts", "**/*-store.ts"],
    message: "No SQL in this layer.",
  },
];

/** One layer: its files and what they must not import. Later blocks replace the rule, so the common part is repeated. */
function layer(files, forbidden, ignores = []) {
  return {
    files,
    ignores: ["**/*.test.ts", ...ignores],
    rules: { "no-restricted-imports": ["error", { patterns: [...common, ...forbidden] }] },
  };
}

export default tseslint.config(
  {
    ignores: [
      "**/node_modules/**",
      "**/dist/**",
      ".slipway/**",
      "**/*.mjs",
      "**/*.js",
      "test/fixtures/**",
      "docs/**",
    ],
  },
  {
    files: ["**/*.ts", "**/*.tsx"],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/only-throw-error": "error",
      "no-restricted-imports": ["error", { patterns: common }],
    },
  },
  {
    files: ["automation/src/**/*.ts"],
    ignores: [
      "**/*.test.ts",
      "automation/src/config.ts",
      ...entries.map((entry) => `automation/src/${entry}.ts`),
    ],
    rules: {
      "no-restricted-properties": [
        "error",
        { object: "process", property: "env", message: "Only config.ts and entries read process.env." },
        { object: "process", property: "exit", message: "Only entries end the process." },
      ],
    },
  },
  // Files of the same names as entries, but of its own.
  {
    files: ["bench/**/*.ts", "test/**/*.ts"],
    rules: { "no-restricted-imports": ["error", { patterns: engineOnly }] },
  },
  layer(
    ["automation/src/contract/**/*.ts"],
    [{ regex: "^(?!zod$|\\./)", message: "The contract imports zod and its own files only." }],
  ),
  layer(
    ["automation/src/**/{rules,*-rules}.ts"],
    [
      ...http,
      ...sql,
      // A digest and the ending of a name are computed, not asked for.
      { group: ["node:*", "!node:crypto", "!node:path", "**/engine/**"], message: "Rules are pure." },
    ],
  ),
  layer(
    ["automation/src/**/{store,*-store}.ts"],
    [...http, { group: ["**/engine/**", "**/routes.ts"], message: "A store knows only the database." }],
  ),
  layer(["automation/src/engine/**/*.ts"], [...http, ...sql], ["automation/src/engine/pulumi.ts"]),
  layer(
    ["automation/src/client/**/*.ts"],
    [...sql, ...http, { group: ["**/engine/**", "node:*"], message: "The client runs in browsers too." }],
  ),
  layer(
    ["automation/src/cli/**/*.ts"],
    [...sql, { group: ["**/pipeline/**", "**/database.ts"], message: "The CLI speaks HTTP only." }],
  ),
  layer(
    ["services/**/*.ts", "frontend/strategy-desk/**/*.{ts,tsx}"],
    [
      {
        group: ["**/automation/**", "@slipway/automation", "@slipway/automation/*"],
        message: "The sample knows nothing of Slipway.",
      },
    ],
  ),
  layer(
    ["frontend/console/**/*.{ts,tsx}"],
    [
      {
        group: ["**/automation/**", "!@slipway/automation/contract", "!@slipway/automation/client", "node:*"],
        message: "The console imports @slipway/automation/contract and /client only.",
      },
    ],
    ["**/vite.config.ts"],
  ),
);
