import type { MovedItem } from "../contract/seals.ts";

const WORDS = {
  operation: "the operation",
  options: "the options",
  source: "the source",
  lockfile: "the lockfile",
  config: "the config of the source",
  serverConfig: "the config on the server",
  plan: "the plan",
  cli: "the Pulumi CLI",
  plugins: "the plugins",
  state: "the state of the stack",
  artifacts: "the artifacts",
  rules: "the rules of the stack",
  policies: "the policies",
} as const satisfies Record<MovedItem["item"], string>;

const SHOWN_CHARACTERS = 120;

/** Something that moved since it was sealed, in words. */
export function movedWords(moved: MovedItem): { what: string; path: string | null; was: string; is: string } {
  const name = moved.urn?.split("::").at(-1);
  const what = name === undefined ? WORDS[moved.item] : `${WORDS[moved.item]}, ${name}`;
  return { what, path: moved.path, was: shown(moved.was), is: shown(moved.is) };
}

function shown(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
}
