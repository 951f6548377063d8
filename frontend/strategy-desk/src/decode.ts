/** Reads a value of unknown shape, or throws a TypeError that names where it differs. */
export type Decoder<T> = (value: unknown, path: string) => T;
export type Decoded<D> = D extends Decoder<infer T> ? T : never;

function refuse(path: string, expected: string): never {
  throw new TypeError(`${path === "" ? "the answer" : path} is not ${expected}`);
}

export const text: Decoder<string> = (value, path) =>
  typeof value === "string" ? value : refuse(path, "a text");

export const number: Decoder<number> = (value, path) =>
  typeof value === "number" && Number.isFinite(value) ? value : refuse(path, "a number");

export const truth: Decoder<boolean> = (value, path) =>
  typeof value === "boolean" ? value : refuse(path, "true or false");

export function nullable<T>(inner: Decoder<T>): Decoder<T | null> {
  return (value, path) => (value === null ? null : inner(value, path));
}

export function optional<T>(inner: Decoder<T>): Decoder<T | undefined> {
  return (value, path) => (value === undefined ? undefined : inner(value, path));
}

export function list<T>(inner: Decoder<T>): Decoder<T[]> {
  return (value, path) =>
    Array.isArray(value)
      ? value.map((item, index) => inner(item, `${path}[${index}]`))
      : refuse(path, "a list");
}

/** An object used as a dictionary. */
export function dictionary<T>(inner: Decoder<T>): Decoder<Record<string, T>> {
  return (value, path) =>
    Object.fromEntries(
      Object.entries(asObject(value, path)).map(([key, item]) => [key, inner(item, `${path}.${key}`)]),
    );
}

/** An object with the given fields; others are dropped. */
export function shape<F extends Record<string, Decoder<unknown>>>(
  fields: F,
): Decoder<{ [K in keyof F]: Decoded<F[K]> }> {
  return (value, path) => {
    const object = asObject(value, path);
    const entries = Object.entries(fields).map(([key, inner]) => [
      key,
      inner(object[key], path === "" ? key : `${path}.${key}`),
    ]);
    return Object.fromEntries(entries) as { [K in keyof F]: Decoded<F[K]> };
  };
}

function asObject(value: unknown, path: string): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : refuse(path, "an object");
}
