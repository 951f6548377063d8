// Proves that the import boundaries bite: each fixture must be refused, with the message its first line names, as if it
// stood at the path its first line names.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { ESLint } from "eslint";

const FIRST_LINE = /^\/\/ at (\S+): (.+)$/m;

/** Answers the fixtures that were not refused as they must be, and how many there are. */
export async function checkBoundaries(root) {
  const folder = path.join(root, "test", "fixtures", "boundaries");
  const names = readdirSync(folder).sort();
  const eslint = new ESLint({ cwd: root, overrideConfig: withoutTypes() });
  const wrong = [];
  for (const name of names) {
    const text = readFileSync(path.join(folder, name), "utf8");
    const [, place, message] = FIRST_LINE.exec(text) ?? [];
    if (place === undefined) {
      wrong.push(`${name}: its first line must read "// at <path>: <message>"`);
      continue;
    }
    const [result] = await eslint.lintText(text, { filePath: path.join(root, place) });
    const said = (result?.messages ?? []).map((one) => one.message);
    if (!said.some((one) => one.includes(message)))
      wrong.push(`${name} at ${place}: not refused (${said.join("; ")})`);
  }
  return { count: names.length, wrong };
}

/** The fixtures are in no TypeScript project, so rules that ask for types cannot run on them. */
function withoutTypes() {
  const typed = [
    "no-floating-promises",
    "no-misused-promises",
    "await-thenable",
    "switch-exhaustiveness-check",
    "only-throw-error",
  ];
  return [
    {
      files: ["**/*.ts", "**/*.tsx"],
      languageOptions: { parserOptions: { projectService: false } },
      rules: Object.fromEntries(typed.map((rule) => [`@typescript-eslint/${rule}`, "off"])),
    },
  ];
}
