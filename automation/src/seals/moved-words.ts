import type { MovedItem } from "../contract/seals.ts";
import type { Failure } from "../deployments/completion.ts";

const MAX_NAMED = 5;

const WORDS: Readonly<Record<MovedItem["item"], string>> = {
  operation: "the operation",
  options: "the options",
  source: "the source",
  lockfile: "the lockfile",
  config: "the config",
  serverConfig: "the stack's config on the server",
  plan: "the plan",
  cli: "the Pulumi CLI",
  plugins: "a plugin",
  state: "the stack's state",
  artifacts: "an artifact",
  rules: "the stack's rules",
  policies: "the policies",
};

/** What moved, as one sentence: the first few by name. */
export function describeMoved(moved: readonly MovedItem[]): string {
  const named = moved.slice(0, MAX_NAMED).map(describe);
  const more = moved.length > MAX_NAMED ? `; and ${moved.length - MAX_NAMED} more` : "";
  return `Not as it was sealed: ${named.join("; ")}${more}.`;
}

/** How a deployment ends that is no longer what was sealed. */
export function staleFailure(moved: readonly MovedItem[]): Failure {
  return {
    code: "stale",
    detail: describeMoved(moved),
    remedy: "Nothing was changed. Request it again: it is previewed as things are now.",
  };
}

function describe({ item, urn, path, was, is }: MovedItem): string {
  if (urn !== null) {
    const place = path === null ? urn : `${urn} ${path}`;
    return `${place} (${text(was)} → ${text(is)})`;
  }
  const what = path === null ? WORDS[item] : `${WORDS[item]} ${path}`;
  return `${what} (${text(was)} → ${text(is)})`;
}

function text(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  const words = typeof value === "string" ? value : JSON.stringify(value);
  return words.length <= 80 ? words : `${words.slice(0, 80)} ...`;
}
