import type { CliContext } from "./context.ts";
import { clean } from "./output.ts";

const UNITS = ["bytes", "KB", "MB", "GB", "TB"] as const;
const UNIT = 1_000;

/** `1.2 GB` */
export function sizeText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= UNIT && unit < UNITS.length - 1) {
    size /= UNIT;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toFixed(1)} ${UNITS[unit]}`;
}

/** What a backup holds, in words. */
export function countLines(counts: Readonly<Record<string, number>>): string[] {
  const words: Readonly<Record<string, readonly [one: string, many: string]>> = {
    stacks: ["stack", "stacks"],
    states: ["state", "states"],
    secrets: ["secret", "secrets"],
    dataKeys: ["data key", "data keys"],
    deployments: ["deployment", "deployments"],
    releases: ["release", "releases"],
    auditEntries: ["audit entry", "audit entries"],
    artifacts: ["artifact", "artifacts"],
  };
  return Object.entries(words).map(
    ([name, [one, many]]) => `${counts[name] ?? 0} ${counts[name] === 1 ? one : many}`,
  );
}

/** Says on stderr what is being done: one line that is written over on a terminal, nothing in a pipe. */
export function progressOn(context: CliContext): { tell(message: string): void; end(): void } {
  const isTerminal = context.stderr.isTTY === true;
  const width = context.stderr.columns ?? 80;
  return {
    tell: (message) => {
      if (isTerminal) context.stderr.write(`\r\u001b[K${clean(message).slice(0, width - 1)}`);
    },
    end: () => {
      if (isTerminal) context.stderr.write("\r\u001b[K");
    },
  };
}
