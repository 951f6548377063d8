import { expect, test } from "vitest";
import { missingLines, tourBlocks } from "./helpers/tour.ts";

const README = [
  "```sh tour",
  "npm start",
  "```",
  "```sh tour exit=7",
  "npx slipway deploy",
  "```",
  "prints",
  "```text",
  "release 3 is bad … rolled back to release 2",
  "```",
  "```sh",
  "not part of the tour",
  "```",
].join("\n");

test("the tour is the blocks marked as such, with exit code and printed lines", () => {
  expect(tourBlocks(README)).toEqual([
    { commands: "npm start", expected: [], exitCode: 0 },
    {
      commands: "npx slipway deploy",
      expected: ["release 3 is bad … rolled back to release 2"],
      exitCode: 7,
    },
  ]);
});

test("a promised line that is not printed is found missing", () => {
  expect(missingLines(["a … c", "x.y"], "say a  b c\n")).toEqual(["x.y"]);
  expect(missingLines(["two words"], "two   words")).toEqual([]);
});
