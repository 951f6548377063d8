import { SaxesParser } from "saxes";
import { messageOf } from "../../errors.ts";
import { unreadable } from "./report-file.ts";

const MAX_DEPTH = 100;

/** What a report's reader wants to know of its elements. */
export interface ElementReader {
  open(name: string, attributes: Readonly<Record<string, string>>, depth: number): void;
  close?(name: string, depth: number): void;
}

/**
 * Reads XML as it comes, without building a tree. Nothing outside of the text is ever loaded and no entity of its own is expanded: a document type that declares something is refused.
 * Throws `report_unreadable` for what is not well formed, ends in the middle, or is nested absurdly.
 */
export async function readXml(
  chunks: AsyncIterable<string>,
  what: string,
  reader: ElementReader,
): Promise<void> {
  const parser = new SaxesParser({ position: true });
  let depth = 0;
  let elements = 0;
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("doctype", (text) => {
    if (text.includes("[")) throw new Error("its document type declares entities");
  });
  parser.on("opentag", ({ name, attributes }) => {
    depth += 1;
    elements += 1;
    if (depth > MAX_DEPTH) throw new Error(`it is nested deeper than ${MAX_DEPTH} elements`);
    reader.open(name, attributes as Record<string, string>, depth);
  });
  parser.on("closetag", ({ name }) => {
    reader.close?.(name, depth);
    depth -= 1;
  });
  try {
    for await (const chunk of chunks) parser.write(chunk);
    parser.close();
  } catch (error) {
    throw unreadable(`${what} is not XML that can be read: ${messageOf(error)}`, error);
  }
  if (elements === 0) throw unreadable(`${what} is empty`);
}

/** A whole number of an attribute; undefined when it is missing or none. */
export function countIn(attributes: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}
