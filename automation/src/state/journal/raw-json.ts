import { SlipwayError } from "../../errors.ts";

/** Nesting beyond which a text is refused; states of real programs stay below a tenth of it. */
export const MAX_DEPTH = 1_000;
/** Longest piece of a text that is shown in an error. */
const SHOWN_CHARACTERS = 40;

/** A value inside a JSON text, by its place: what is not edited is copied byte for byte. `start` is its first character, `end` the one after its last. */
export interface Raw {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** Members of an object by their decoded names, in the order of the text. A Map, so that `__proto__` is a name like any other. */
export type RawMembers = Map<string, Raw>;

/** The error for a text that is not what it should be: says what is wrong and at which character. */
export function jsonError(text: string, at: number, expected: string): SlipwayError {
  const piece = text.slice(at, at + SHOWN_CHARACTERS);
  const found = piece === "" ? "the text ends" : `there is ${JSON.stringify(piece)}`;
  return new SlipwayError("invalid_json", `Expected ${expected} at character ${at}, but ${found}.`, {
    details: { character: at },
  });
}

/** The text of a value, as it came. */
export function rawText(raw: Raw): string {
  return raw.text.slice(raw.start, raw.end);
}

/** The one value that a whole text is. Throws SlipwayError `invalid_json` when something follows it. */
export function wholeValue(text: string): Raw {
  const start = skipSpace(text, 0);
  const end = skipValue(text, start);
  assertEnd(text, end);
  return { text, start, end };
}

/** Throws SlipwayError `invalid_json` unless nothing but space follows `end`. */
export function assertEnd(text: string, end: number): void {
  const rest = skipSpace(text, end);
  if (rest < text.length) throw jsonError(text, rest, "the end of the text");
}

/** First character at or after `at` that is no white space. */
export function skipSpace(text: string, at: number): number {
  let position = at;
  for (;;) {
    const code = text.charCodeAt(position);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return position;
    position++;
  }
}

/**
 * Where the value that begins at `start` ends. Nothing is decoded and nothing recurses; the grammar inside is not checked beyond what finding
 * the end needs. Throws SlipwayError `invalid_json` when there is no value, it does not end, or it is nested too deep.
 */
export function skipValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === 34) return skipString(text, start);
  if (first === 123 || first === 91) return skipNested(text, start);
  return skipScalar(text, start);
}

/** Where the string that begins at `start` ends. */
function skipString(text: string, start: number): number {
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote < 0) throw jsonError(text, start, "a string that ends");
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 92) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function skipNested(text: string, start: number): number {
  // One character for each open bracket, so that `[}` is told from `[]`.
  const open: number[] = [];
  for (let at = start; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === 34) {
      at = skipString(text, at);
      continue;
    }
    if (code === 123 || code === 91) {
      open.push(code + 2);
      if (open.length > MAX_DEPTH) throw jsonError(text, at, `nesting of at most ${MAX_DEPTH} levels`);
    } else if (code === 125 || code === 93) {
      if (open.pop() !== code) throw jsonError(text, at, "a bracket that fits the open one");
      if (open.length === 0) return at + 1;
    }
    at++;
  }
  throw jsonError(text, start, "a value that ends");
}

const SCALAR = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

function skipScalar(text: string, start: number): number {
  SCALAR.lastIndex = start;
  if (!SCALAR.test(text)) throw jsonError(text, start, "a value");
  return SCALAR.lastIndex;
}

/**
 * Reads the object that begins at `start`; `readMember` is told each name and where its value begins, and answers where that ends. Answers where
 * the object ends. Throws SlipwayError `invalid_json` when there is no object, or a name appears twice or is `__proto__`.
 */
export function readObject(
  text: string,
  start: number,
  readMember: (name: string, start: number) => number,
): number {
  if (text.charCodeAt(start) !== 123) throw jsonError(text, start, "an object");
  const seen = new Set<string>();
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === 125) return at + 1;
  for (;;) {
    if (text.charCodeAt(at) !== 34) throw jsonError(text, at, "a member's name");
    const nameEnd = skipString(text, at);
    const name = decodeString(text, at, nameEnd);
    // Readers of the same text differ on which of two they take, and some take `__proto__` for the object's prototype.
    if (seen.has(name)) throw jsonError(text, at, "a member that was not there before");
    if (name === "__proto__") throw jsonError(text, at, "a member's name other than __proto__");
    seen.add(name);
    at = skipSpace(text, nameEnd);
    if (text.charCodeAt(at) !== 58) throw jsonError(text, at, "a colon");
    at = skipSpace(text, readMember(name, skipSpace(text, at + 1)));
    const next = text.charCodeAt(at);
    if (next === 125) return at + 1;
    if (next !== 44) throw jsonError(text, at, "a comma or the object's end");
    at = skipSpace(text, at + 1);
  }
}

/** Reads the array that begins at `start`, as `readObject` does an object. */
export function readArray(
  text: string,
  start: number,
  readElement: (start: number, index: number) => number,
): number {
  if (text.charCodeAt(start) !== 91) throw jsonError(text, start, "an array");
  let at = skipSpace(text, start + 1);
  if (text.charCodeAt(at) === 93) return at + 1;
  for (let index = 0; ; index++) {
    at = skipSpace(text, readElement(at, index));
    const next = text.charCodeAt(at);
    if (next === 93) return at + 1;
    if (next !== 44) throw jsonError(text, at, "a comma or the array's end");
    at = skipSpace(text, at + 1);
  }
}

/** The members of the object that begins at `start`, their values skipped, and where it ends. */
export function membersAt(text: string, start: number): { members: RawMembers; end: number } {
  const members: RawMembers = new Map();
  const end = readObject(text, start, (name, from) => {
    const to = skipValue(text, from);
    members.set(name, { text, start: from, end: to });
    return to;
  });
  return { members, end };
}

/** The members of an object. Throws SlipwayError `invalid_json` when it is none. */
export function membersOf(raw: Raw): RawMembers {
  return membersAt(raw.text, raw.start).members;
}

/** The elements of an array. Throws SlipwayError `invalid_json` when it is none. */
export function elementsOf(raw: Raw): Raw[] {
  const elements: Raw[] = [];
  readArray(raw.text, raw.start, (from) => {
    const end = skipValue(raw.text, from);
    elements.push({ text: raw.text, start: from, end });
    return end;
  });
  return elements;
}

/** True for a value that is not there or is `null`; the protocol's client does not tell them apart. */
export function isAbsent(raw: Raw | undefined): raw is undefined {
  return raw === undefined || raw.text.charCodeAt(raw.start) === 110;
}

/** The string that a value is. Throws SlipwayError `invalid_json` when it is none. */
export function stringOf(raw: Raw): string {
  if (raw.text.charCodeAt(raw.start) !== 34) throw jsonError(raw.text, raw.start, "a string");
  return decodeString(raw.text, raw.start, raw.end);
}

/** The strings of an array; none when it is absent. Throws SlipwayError `invalid_json` for anything else. */
export function stringsOf(raw: Raw | undefined): string[] {
  return isAbsent(raw) ? [] : elementsOf(raw).map(stringOf);
}

/** The whole number from 0 to 2^53 - 1 that a value is. Throws SlipwayError `invalid_json` when it is none. */
export function countOf(raw: Raw): number {
  const text = rawText(raw);
  const value = Number(text);
  if (!/^\d+$/u.test(text) || !Number.isSafeInteger(value)) {
    throw jsonError(raw.text, raw.start, "a whole number that is not negative");
  }
  return value;
}

/** Whether a value is `true`; absent is false. Throws SlipwayError `invalid_json` for anything but a boolean. */
export function flagOf(raw: Raw | undefined): boolean {
  if (isAbsent(raw)) return false;
  const text = rawText(raw);
  if (text !== "true" && text !== "false") throw jsonError(raw.text, raw.start, "true or false");
  return text === "true";
}

function decodeString(text: string, start: number, end: number): string {
  const inner = text.slice(start + 1, end - 1);
  if (!inner.includes("\\")) return inner;
  try {
    return String(JSON.parse(text.slice(start, end)));
  } catch {
    throw jsonError(text, start, "a string with valid escapes");
  }
}

/** A string as JSON, escaped as Pulumi's own encoder does. */
export function encodeString(value: string): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * The text of an object with some members replaced, added at the end, or (undefined) removed. What is not named keeps its bytes.
 */
export function editedObject(
  object: Raw,
  members: ReadonlyMap<string, Raw>,
  edits: ReadonlyMap<string, string | undefined>,
): string {
  if (edits.size === 0) return rawText(object);
  const { text } = object;
  let edited = "";
  let copied = object.start + 1;
  let before = object.start + 1;
  let kept = 0;
  let hasLeadingComma = false;
  for (const [name, value] of members) {
    const isEdited = edits.has(name);
    const replacement = edits.get(name);
    if (isEdited && replacement === undefined) {
      // From the end of the value before it, its own comma included; one without a value before it leaves a comma behind.
      edited += text.slice(copied, before);
      hasLeadingComma ||= kept === 0;
      copied = value.end;
    } else {
      kept++;
      if (isEdited) {
        edited += text.slice(copied, value.start) + String(replacement);
        copied = value.end;
      }
    }
    before = value.end;
  }
  edited += text.slice(copied, object.end - 1);
  const body = hasLeadingComma ? edited.replace(/^\s*,/u, "") : edited;
  const added = [...edits].filter(([name, value]) => value !== undefined && !members.has(name));
  const parts = [
    ...(kept === 0 ? [] : [body]),
    ...added.map(([name, value]) => `${encodeString(name)}:${value}`),
  ];
  return `{${parts.join(",")}}`;
}
