import type { Readable } from "node:stream";

/** A place to print to; a terminal has a width. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** What a command gets from its process. Commands read nothing else of it. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Sets the exit code; 0 when never called. */
  finish(code: number): void;
}

/** Options that every command takes. */
export interface CommonOptions {
  readonly json?: boolean;
  readonly server?: string;
  readonly tokenFile?: string;
}
/** Options of commands that act on one stack. */
export interface StackOptions extends CommonOptions {
  readonly stack?: string;
}
