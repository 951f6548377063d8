/** What the CLI passes to a language host on its command line. */
export interface HostArguments {
  /** Address of the engine's gRPC service; undefined when the engine attaches later and sends it with Handshake. */
  readonly engineAddress: string | undefined;
  readonly showVersion: boolean;
}

/** Flags of the CLI's plugins that take their value as the next argument. */
const FLAGS_WITH_VALUE = new Set(["-tracing", "--tracing", "-runtime", "--runtime", "-v", "--v"]);

/** Reads the arguments of a language host. Flags that only steer logs and traces are accepted and have no effect here. */
export function parseHostArguments(argv: readonly string[]): HostArguments {
  let engineAddress: string | undefined;
  let showVersion = false;
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? "";
    if (argument === "-version" || argument === "--version") showVersion = true;
    else if (FLAGS_WITH_VALUE.has(argument)) index++;
    else if (!argument.startsWith("-") && engineAddress === undefined) engineAddress = argument;
  }
  return { engineAddress, showVersion };
}

/**
 * Splits the runtime option `nodeargs` into arguments as a shell would split words: blanks separate, single quotes keep
 * everything, double quotes keep all but a backslash escape. Nothing is expanded. Throws on a quote that is never closed.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: "'" | '"' | undefined;
  for (let index = 0; index < text.length; index++) {
    const character = text[index] ?? "";
    if (quote !== undefined) {
      if (character === quote) quote = undefined;
      else if (character === "\\" && quote === '"' && /["\\]/.test(text[index + 1] ?? "")) {
        word = (word ?? "") + (text[++index] ?? "");
      } else word = (word ?? "") + character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= "";
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (character === "\\" && index + 1 < text.length) {
      word = (word ?? "") + (text[++index] ?? "");
    } else word = (word ?? "") + character;
  }
  if (quote !== undefined) throw new Error(`the runtime option nodeargs has an unclosed ${quote}: ${text}`);
  if (word !== undefined) words.push(word);
  return words;
}
