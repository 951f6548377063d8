import { ProblemError } from "@slipway/automation/client";
import { expect, test } from "vitest";
import { explain, issueFor, isUnauthenticated } from "./problems.ts";

const refused = new ProblemError({
  type: "urn:slipway:problem:invalid_request",
  title: "The request does not have the expected form",
  status: 422,
  code: "invalid_request",
  detail: "The name is not allowed.",
  remedy: "Choose another.",
  issues: [{ path: "body.name", message: "must not start with '-'" }],
});

test("a problem is shown with its detail and remedy, and its issue at the field", () => {
  expect(explain(refused)).toMatchObject({ title: "The name is not allowed.", remedy: "Choose another." });
  expect(issueFor(refused, "name")).toBe("must not start with '-'");
  expect(issueFor(refused, "project")).toBeNull();
  expect(issueFor(null, "name")).toBeNull();
});

test("a server that does not answer is told to the reader of a page, not of a terminal", () => {
  const away = Object.assign(new Error("The server does not answer at /v1/stacks: Failed to fetch."), {
    code: "server_unreachable",
    remedy: "Start it with `npm start`, or name another server.",
  });
  const late = new DOMException("signal timed out", "TimeoutError");
  for (const thrown of [away, late]) {
    const { code, title, remedy } = explain(thrown);
    expect([code, title]).toEqual(["server_unreachable", "The server does not answer."]);
    expect(remedy).toMatch(/by themselves/);
  }
});

test("an address whose id is none is told as one that leads nowhere", () => {
  const issues = [{ path: "params.id", message: "Invalid UUID" }];
  const wrong = Object.assign(new Error("params.id: Invalid UUID"), { details: { issues } });
  expect(explain(wrong)).toMatchObject({ title: "There is nothing at this address.", issues: [] });
});

test("an issue that only repeats the message is not shown beside it", () => {
  const issues = [{ path: "body.seal", message: "needs a preview to compare with" }];
  const message = "body.seal needs a preview to compare with.";
  expect(explain(Object.assign(new Error(message), { details: { issues } })).issues).toEqual([]);
});

test("a remedy names a command in the place of a route", () => {
  const remedy = "GET /v1/stacks lists them; POST /v1/stacks creates one.";
  expect(explain(Object.assign(new Error("There is no such stack."), { remedy })).remedy).toBe(
    "`slipway stacks list` lists them; `slipway stacks create` creates one.",
  );
});

test("anything else that was thrown is shown by its message", () => {
  expect(explain(new Error("broken"))).toEqual({ code: null, title: "broken", remedy: null, issues: [] });
  expect(explain("text").title).toBe("text");
  expect(isUnauthenticated(new Error("unauthenticated"))).toBe(false);
});
