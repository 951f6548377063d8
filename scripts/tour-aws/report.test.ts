import { expect, test } from "vitest";
import { code, document, plain, table } from "../../automation/src/documents/markdown.ts";
import { reportLine, tasksOf } from "./report.ts";

const COLUMNS = ["Task", "What", "Where", "Held by", "In this release"];
const ROWS = [
  [
    "1.1",
    plain("A place | for <each> part"),
    "infra/",
    [code("a.test.ts"), code("b.test.ts")].join(" "),
    plain("–"),
  ],
  ["20", plain("Works"), "`x`", code("c.test.ts"), plain("good; 7 of 7 groups passed")],
];

test("tasks are read as the document of covered tasks has them, whatever their cells hold", () => {
  const tasks = tasksOf(document(["# Tasks", table(COLUMNS, ROWS, "")]));
  expect(tasks.map((task) => reportLine(task, "test, release 3"))).toEqual([
    "1.1   A place | for <each> part | held by a.test.ts, b.test.ts",
    "20    Works | good; 7 of 7 groups passed (test, release 3)",
  ]);
});

test("a document of another form is no report without tasks", () => {
  expect(() => tasksOf(document([table(COLUMNS, [], "nothing")]))).toThrow("another form");
  expect(() => tasksOf(document([table(COLUMNS.slice(1), [["1.1", "x", "y", "z"]], "")]))).toThrow(
    "another form",
  );
});
