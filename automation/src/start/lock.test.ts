import { spawn } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { tryLock } from "./lock.mjs";

test("a lock that is held names its holder, and is free after its release", () => {
  const file = path.join(temporaryFolder("lock"), "start.lock");
  const first = tryLock(file);
  expect(tryLock(file)).toEqual({ holder: process.pid });
  if ("release" in first) first.release();
  expect(existsSync(file)).toBe(false);
  const second = tryLock(file);
  expect(second).toHaveProperty("release");
  if ("release" in second) second.release();
});

test.each([
  ["of a process that is gone", JSON.stringify({ pid: 999_999_999, startedAt: "1" })],
  ["whose pid was given to another process", JSON.stringify({ pid: process.pid, startedAt: "1" })],
  ["that was not written in full", ""],
])("a lock %s is taken over", (_what, text) => {
  const folder = temporaryFolder("lock");
  const file = path.join(folder, "start.lock");
  writeFileSync(file, text);
  const taken = tryLock(file);
  expect(taken).toHaveProperty("release");
  if ("release" in taken) taken.release();
  expect(readdirSync(folder)).toEqual([]);
});

test("of many processes that find a dead holder's lock, one gets it at a time", async () => {
  const file = path.join(temporaryFolder("lock"), "start.lock");
  writeFileSync(file, JSON.stringify({ pid: 999_999_999, startedAt: "1" }));
  const lock = new URL("./lock.mjs", import.meta.url).href;
  // Each holds it for a while and writes when it had it; two at once would overlap.
  const code = `
    const { tryLock } = await import(${JSON.stringify(lock)});
    for (;;) {
      const got = tryLock(${JSON.stringify(file)});
      if (!("release" in got)) { await new Promise((r) => setTimeout(r, 3)); continue; }
      const from = process.hrtime.bigint();
      await new Promise((r) => setTimeout(r, 20));
      console.log(from + " " + process.hrtime.bigint());
      got.release();
      break;
    }`;
  const spans = await Promise.all(
    Array.from({ length: 8 }, async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      let out = "";
      child.stdout.on("data", (data) => {
        out += String(data);
      });
      await new Promise((resolve) => child.once("close", resolve));
      const [from, to] = out.trim().split(" ").map(BigInt);
      return { from: from ?? 0n, to: to ?? 0n };
    }),
  );
  spans.sort((a, b) => (a.from < b.from ? -1 : 1));
  for (const [index, span] of spans.entries()) {
    const next = spans[index + 1];
    if (next !== undefined) expect(next.from >= span.to).toBe(true);
  }
});
