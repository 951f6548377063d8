/** What stands in the place of a secret. */
export const REDACTED = "[secret]";

/**
 * Shorter secrets are replaced only where they stand as a word of their own: replacing each "1" or "on" inside other
 * words would destroy the output, and would tell a reader what the secret is.
 */
const MIN_FREE_CHARACTERS = 4;
/** Base64 of a fragment is worth looking for only when it is long enough not to match by chance. */
const MIN_BASE64_CHARACTERS = 8;
/** A multi-line secret (a PEM key) may be printed line by line; shorter lines are not secret by themselves. */
const MIN_SECRET_LINE_CHARACTERS = 8;

/** Replaces secrets in text and in parsed JSON. */
export interface Redactor {
  /** The text without secrets. For whole texts; use `stream` for chunks. */
  text(text: string): string;
  /** A copy of a JSON value whose strings and keys hold no secret. */
  json(value: unknown): unknown;
  /** A filter for chunks that finds a secret across their borders. */
  stream(onText: (text: string) => void): RedactingStream;
}

export interface RedactingStream {
  push(chunk: string): void;
  end(): void;
}

/** Finds every given secret in clear, JSON-escaped, URL-encoded and in base64 at each byte offset; the longest form wins. */
export function createRedactor(secrets: readonly string[]): Redactor {
  const forms = [...new Set(secrets.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  if (forms.length === 0) {
    return {
      text: (text) => text,
      json: (value) => value,
      stream: (onText) => ({ push: onText, end: () => undefined }),
    };
  }
  const pattern = forms.map(patternOf).join("|");
  const whole = new RegExp(pattern, "gu");
  const shortest = forms.at(-1)?.length ?? 0;
  // `replace` with a global pattern starts at the beginning whatever was matched before.
  const text = (input: string): string => (input.length < shortest ? input : input.replace(whole, REDACTED));
  const json = (value: unknown): unknown => {
    if (typeof value === "string") return text(value);
    if (Array.isArray(value)) return value.map(json);
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [text(key), json(item)]));
    }
    return value;
  };
  return { text, json, stream: (onText) => redactingStream(forms, new RegExp(pattern, "gu"), onText) };
}

function redactingStream(
  forms: readonly string[],
  pattern: RegExp,
  onText: (text: string) => void,
): RedactingStream {
  const longest = forms[0]?.length ?? 0;
  let pending = "";
  const flush = (cutAt: number): void => {
    let cut = cutAt;
    let output = "";
    let from = 0;
    for (const match of pending.matchAll(pattern)) {
      if (match.index >= cut) break;
      output += pending.slice(from, match.index) + REDACTED;
      from = match.index + match[0].length;
      cut = Math.max(cut, from);
    }
    output += pending.slice(from, cut);
    pending = pending.slice(cut);
    if (output !== "") onText(output);
  };
  return {
    push(chunk) {
      pending += chunk;
      flush(startOfPossibleSecret(pending, forms, longest));
    },
    end() {
      flush(pending.length);
    },
  };
}

/** Where the shortest safe prefix ends: from here on the text may be the beginning of a secret whose rest is still to come. */
function startOfPossibleSecret(text: string, forms: readonly string[], longest: number): number {
  for (let start = Math.max(0, text.length - longest); start < text.length; start++) {
    const tail = text.slice(start);
    // A short secret at the very end needs the next character to know whether it is a word of its own.
    if (
      forms.some((form) => (isShort(form) ? form.startsWith(tail) : form !== tail && form.startsWith(tail)))
    ) {
      return start;
    }
  }
  return text.length;
}

function isShort(form: string): boolean {
  return form.length < MIN_FREE_CHARACTERS;
}

function patternOf(form: string): string {
  const escaped = form.replace(/[.*+?^${}()|[\]\\/]/gu, "\\$&");
  return isShort(form) ? `(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])` : escaped;
}

function formsOf(secret: string): string[] {
  if (secret === "") return [];
  const lines = secret.includes("\n")
    ? secret.split(/\r?\n/u).filter((line) => line.trim().length >= MIN_SECRET_LINE_CHARACTERS)
    : [];
  const plain = [secret, ...lines];
  const encoded = plain.flatMap((value) => [
    JSON.stringify(value).slice(1, -1),
    goJsonEscaped(value),
    urlEncoded(value),
    ...base64Forms(value),
  ]);
  // Short encodings (of a one-letter secret) would match by chance.
  return [...plain, ...encoded.filter((form) => form.length >= MIN_FREE_CHARACTERS)];
}

/** Go's encoding/json writes these three as escapes; Pulumi's own texts come from there. */
function goJsonEscaped(value: string): string {
  return JSON.stringify(value)
    .slice(1, -1)
    .replaceAll("<", "\\u003c")
    .replaceAll(">", "\\u003e")
    .replaceAll("&", "\\u0026");
}

function urlEncoded(value: string): string {
  // A lone surrogate has no UTF-8 form: encodeURIComponent would throw.
  return encodeURIComponent(value.toWellFormed());
}

/** The characters of base64 that the value alone decides, when it stands at byte offset 0, 1 or 2 of what was encoded. */
function base64Forms(value: string): string[] {
  const bytes = Buffer.from(value, "utf8");
  const forms: string[] = [];
  for (const offset of [0, 1, 2]) {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replace(/=+$/u, "");
    const first = Math.ceil((offset * 8) / 6);
    const last = Math.floor(((offset + bytes.length) * 8) / 6);
    const certain = encoded.slice(first, last);
    if (certain.length < MIN_BASE64_CHARACTERS) continue;
    forms.push(certain, certain.replaceAll("+", "-").replaceAll("/", "_"));
  }
  const whole = bytes.toString("base64");
  if (whole.length >= MIN_BASE64_CHARACTERS) forms.push(whole, bytes.toString("base64url"));
  return forms;
}
