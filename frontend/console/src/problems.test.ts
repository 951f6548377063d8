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

test("anything else that was thrown is shown by its message", () => {
  expect(explain(new Error("broken"))).toEqual({ code: null, title: "broken", remedy: null, issues: [] });
  expect(explain("text").title).toBe("text");
  expect(isUnauthenticated(new Error("unauthenticated"))).toBe(false);
});
