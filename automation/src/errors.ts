/**
 * An error that a caller can act on. `code` is one of the closed list in contract/problems.ts when it reaches HTTP,
 * or a process-level code printed by an entry. `remedy` tells a person what to do next.
 */
export class SlipwayError extends Error {
  readonly code: string;
  readonly remedy: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; remedy?: string; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SlipwayError";
    this.code = code;
    this.remedy = options.remedy;
    this.details = options.details ?? {};
  }
}

/** The message of anything that was thrown, for text shown to people. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node system error (ENOENT, EADDRINUSE, ...), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (thrown instanceof Error && "code" in thrown && typeof thrown.code === "string") return thrown.code;
  return undefined;
}
