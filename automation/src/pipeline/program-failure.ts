import path from "node:path";
import { pathToFileURL } from "node:url";

/** How Pulumi's runtime for Node begins when a program throws. */
const HEADER = /^Running program '([^\n]*)' failed with an unhandled exception:\n/;
const FRAME = /^\s+at (?:.* \()?([^()]+?):(\d+)(?::\d+)?\)?$/;

/** What a program's failure says, in words that hold in the project's folder. */
export interface ProgramFailure {
  /** The error, after `file:line: ` of the topmost place in the source when the message tells it. */
  said: string;
  /** Set for a syntax error without a place: the file to look at, relative to the source. */
  unplacedIn: string | null;
}

/**
 * The first failing line of an engine's error: without the stack, which the diagnostics hold, and without the path of the work dir, which
 * nobody else can open.
 */
export function readProgramFailure(text: string, workDir: string): ProgramFailure {
  const root = workDir + path.sep;
  const shown = text.replaceAll(pathToFileURL(root).href, "").replaceAll(root, "");
  const program = HEADER.exec(shown)?.[1];
  if (program === undefined) return { said: shown, unplacedIn: null };
  const lines = shown.replace(HEADER, "").split("\n");
  const frame = lines.findIndex((line) => FRAME.test(line));
  const said = lines
    .slice(0, frame === -1 ? undefined : frame)
    .join("\n")
    .trim();
  const place = lines.map(placeInSource).find((one) => one !== null);
  if (place !== undefined) return { said: `${place}: ${said}`, unplacedIn: null };
  const isSyntax = said.startsWith("SyntaxError") && /\.[cm]?js$/.test(program);
  return { said: `${program}: ${said}`, unplacedIn: isSyntax ? program : null };
}

/** The line that `node --check` complains about, as `file:line`; null when it finds nothing wrong. */
export function placeOfSyntaxError(output: readonly string[], workDir: string): string | null {
  const root = workDir + path.sep;
  for (const line of output) {
    const found = /^(?:file:\/\/)?(\/.*):(\d+)$/.exec(line);
    if (found?.[1]?.startsWith(root) === true) return `${found[1].slice(root.length)}:${found[2]}`;
  }
  return null;
}

/** `file:line` of a stack frame in the project's own source; frames of Node and of dependencies are not. */
function placeInSource(line: string): string | null {
  const [, file, number] = FRAME.exec(line) ?? [];
  if (file === undefined || path.isAbsolute(file) || /^\w+:/.test(file) || file.includes("node_modules/"))
    return null;
  return `${file}:${number}`;
}
