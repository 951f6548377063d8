import { Readable } from "node:stream";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { expect, test } from "vitest";
import { readLines } from "./read-lines.ts";

const MIB = 1024 * 1024;

async function linesOf(
  body: Buffer | Buffer[],
  encoding?: string,
  limits?: { lineBytes?: number; totalBytes?: number },
): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of readLines(Readable.from(Array.isArray(body) ? body : [body]), encoding, limits))
    lines.push(line);
  return lines;
}

test("lines come whole wherever the chunks end, also in the middle of a character", async () => {
  const text = Buffer.from("one\nzwölf\n\nlast without a break");
  for (let at = 0; at <= text.length; at += 1) {
    const found = await linesOf([text.subarray(0, at), text.subarray(at)]);
    expect(found).toEqual(["one", "zwölf", "", "last without a break"]);
  }
});

test("gzip and zstd are unpacked", async () => {
  const text = Buffer.from("one\ntwo\n");
  expect(await linesOf(gzipSync(text), "gzip")).toEqual(["one", "two"]);
  expect(await linesOf(zstdCompressSync(text), "zstd")).toEqual(["one", "two"]);
});

test("what is cut off, not packed as it says, or not UTF-8 is malformed", async () => {
  const text = Buffer.from("one\ntwo\n".repeat(1_000));
  for (const [body, encoding] of [
    [gzipSync(text).subarray(0, -12), "gzip"],
    [zstdCompressSync(text).subarray(0, -2), "zstd"],
    [text, "zstd"],
    [Buffer.from([0x61, 0xc3, 0x28, 0x0a]), undefined],
  ] as const) {
    await expect(linesOf(body, encoding)).rejects.toMatchObject({ code: "malformed_body" });
  }
  await expect(linesOf(text, "br")).rejects.toMatchObject({ code: "unsupported_media_type" });
});

test("a small body that unpacks to a long line or to very much is refused on the way", async () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * MIB, "a"));
  expect(bomb.length).toBeLessThan(MIB);
  await expect(linesOf(bomb, "zstd", { lineBytes: MIB })).rejects.toMatchObject({ code: "body_too_large" });
  const many = zstdCompressSync(Buffer.from("line\n".repeat(1_000_000)));
  await expect(linesOf(many, "zstd", { totalBytes: MIB })).rejects.toMatchObject({ code: "body_too_large" });
});
