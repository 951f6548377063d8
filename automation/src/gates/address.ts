import type { HttpCheck, MetricCheck } from "../contract/gates.ts";
import { fillTemplate } from "../contract/gates.ts";
import type { Look, Surroundings } from "./look.ts";
import { cannotStart } from "./look.ts";

/** A text with its templates filled, or why that cannot be. */
export type Filled = { text: string } | { look: Look };

/** Fills the templates of a text. `quote` makes a value harmless where it will stand. */
export function fill(
  text: string,
  surroundings: Surroundings,
  quote: (value: string) => string,
  windowSeconds: number,
): Filled {
  let missing: Look | undefined;
  const filled = fillTemplate(text, (name) => {
    if (name === "window") return `${windowSeconds}s`;
    const value = templateValue(name, surroundings);
    if (typeof value === "string" || typeof value === "number") return quote(String(value));
    missing ??=
      value === undefined
        ? cannotStart(`the stack has no output '${name.slice("outputs.".length)}'`)
        : { verdict: "inconclusive", detail: `'${name}' has no value that can stand in a text`, value: null };
    return "";
  });
  return missing === undefined ? { text: filled } : { look: missing };
}

/** The address that a check looks at, or why there is none. */
export function addressOf(
  check: Pick<HttpCheck | MetricCheck, "url" | "output">,
  surroundings: Surroundings,
): { url: URL } | { look: Look } {
  if (check.url !== undefined) {
    const filled = fill(check.url, surroundings, encodeURIComponent, 0);
    return "look" in filled ? filled : parsed(filled.text, `'${filled.text}'`);
  }
  const name = check.output ?? "";
  if (!Object.hasOwn(surroundings.outputs, name))
    return { look: cannotStart(`the stack has no output '${name}'`) };
  const value = surroundings.outputs[name];
  if (value === null || value === "") {
    return { look: { verdict: "inconclusive", detail: `the output '${name}' has no value`, value: null } };
  }
  return parsed(value, `the output '${name}'`);
}

/** Adds a path to that of an address. */
export function appendPath(url: URL, path: string): void {
  url.pathname = url.pathname.replace(/\/+$/, "") + path;
}

function parsed(value: unknown, what: string): { url: URL } | { look: Look } {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    return { look: cannotStart(`${what} is not an http address without credentials`) };
  }
  return { url };
}

function templateValue(name: string, { outputs, names }: Surroundings): unknown {
  if (!name.startsWith("outputs.")) return names[name as keyof Surroundings["names"]];
  const output = name.slice("outputs.".length);
  return Object.hasOwn(outputs, output) ? outputs[output] : undefined;
}
