import { expect, test } from "vitest";
import { splitLines } from "./lines.ts";

function linesOf(chunks: string[], max?: number): string[] {
  const lines: string[] = [];
  const splitter = splitLines((line) => lines.push(line), max);
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

test("lines come out whole however the stream is cut, without their ends", () => {
  expect(linesOf(["a", "b\nc\r", "\n\nd"])).toEqual(["ab", "c", "", "d"]);
});

test("a line beyond the limit comes in pieces of that length, and nothing is held back beyond it", () => {
  expect(linesOf(["abcdefg\nhi"], 3)).toEqual(["abc", "def", "g", "hi"]);
  const early: string[] = [];
  splitLines((line) => early.push(line), 3).push("abcdefg");
  expect(early).toEqual(["abc", "def"]);
});
