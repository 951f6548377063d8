import { expect, test } from "vitest";
import { missingLines, tourBlocks } from "./helpers/tour.ts";

const README = [
  "## Start",
  "```sh tour",
  "npm start",
  "```",
  "### Deploy",
  "```sh tour exit=7",
  "# a comment, no heading",
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
    { commands: "npm start", chapter: "Start", expected: [], exitCode: 0 },
    {
      commands: "# a comment, no heading\nnpx slipway deploy",
      chapter: "Deploy",
      expected: ["release 3 is bad … rolled back to release 2"],
      exitCode: 7,
    },
  ]);
});

test("a promised line that is not printed is found missing", () => {
  expect(missingLines(["a … c", "x.y"], "say a  b c\n")).toEqual(["x.y"]);
  expect(missingLines(["two words"], "two   words")).toEqual([]);
});
