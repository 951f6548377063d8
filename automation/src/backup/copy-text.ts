/** Fields of one row in the text form of COPY; null for SQL's null. */
export type CopyRow = readonly (string | null)[];

/** Cuts a COPY text that comes in pieces into rows. Rows may be cut anywhere, also inside of a character. */
export class CopyRows {
  #rest: Buffer[] = [];

  /** Rows that are complete now. */
  *add(piece: Buffer): Generator<CopyRow> {
    let from = 0;
    for (let end = piece.indexOf(0x0a, from); end >= 0; end = piece.indexOf(0x0a, from)) {
      const line = piece.subarray(from, end);
      from = end + 1;
      if (this.#rest.length === 0) yield fieldsOf(line);
      else yield fieldsOf(Buffer.concat([...this.#rest.splice(0), line]));
    }
    if (from < piece.length) this.#rest.push(piece.subarray(from));
  }
}

const ESCAPES: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function fieldsOf(line: Buffer): CopyRow {
  return line
    .toString("utf8")
    .split("\t")
    .map((field) =>
      field === "\\N"
        ? null
        : field.replaceAll(/\\(.)/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped),
    );
}

/** Bytes of a bytea field, `\x...`. */
export function bytesOfField(field: string | null | undefined): Buffer {
  return Buffer.from((field ?? "").slice(2), "hex");
}
