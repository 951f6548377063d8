/** A rule for what is known and nobody wants to hear of. */
export interface IgnoreRule {
  id: string;
  /** `*` stands for any characters. */
  urnGlob: string;
  /** Null: the whole resource, also that it is gone. */
  path: string | null;
  /** Milliseconds since 1970, by the database's clock, as `now` is. */
  expiresAt: number;
  removed: boolean;
}

/** Whether a rule counts now. */
export function isInForce(rule: Pick<IgnoreRule, "expiresAt" | "removed">, now: number): boolean {
  return !rule.removed && rule.expiresAt > now;
}

/** The first rule that covers a difference. `path` null: the resource is gone, which only a rule for the whole resource covers. */
export function coveredBy<Rule extends Pick<IgnoreRule, "urnGlob" | "path">>(
  rules: readonly Rule[],
  difference: { urn: string; path: string | null },
): Rule | undefined {
  return rules.find(
    (rule) =>
      matchesGlob(rule.urnGlob, difference.urn) &&
      (rule.path === null || (difference.path !== null && coversPath(rule.path, difference.path))),
  );
}

/** Whether a property is the one of a rule, or below it. A step `*` is any name or index. */
export function coversPath(pattern: string, path: string): boolean {
  const wanted = stepsOf(pattern);
  const steps = stepsOf(path);
  return (
    wanted.length <= steps.length && wanted.every((step, index) => step === "*" || step === steps[index])
  );
}

/** `tags.owner`, `rules[0]["a.b"]` as its names and indexes. */
export function stepsOf(path: string): string[] {
  return [...path.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|([^.[\]]+)/gu)].map(
    ([, quoted, index, name]) => (quoted === undefined ? (index ?? name ?? "") : unquote(quoted)),
  );
}

function unquote(text: string): string {
  return text.replace(/\\(.)/gu, "$1");
}

/** Takes time by the product of both lengths at most, whatever the pattern. */
export function matchesGlob(glob: string, text: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let mark = 0;
  while (at < text.length) {
    if (glob[from] === "*") {
      star = from;
      from += 1;
      mark = at;
    } else if (from < glob.length && glob[from] === text[at]) {
      from += 1;
      at += 1;
    } else if (star !== -1) {
      from = star + 1;
      mark += 1;
      at = mark;
    } else return false;
  }
  while (glob[from] === "*") from += 1;
  return from === glob.length;
}
