import { expect, test } from "vitest";
import { PROBLEMS } from "../../contract/problems.ts";
import { SlipwayError } from "../../errors.ts";
import { apiErrorOf } from "./errors.ts";

const REQUEST = "3f0f9a0e-5c1e-4f6b-9a57-000000000000";

test("every problem has a status that the CLI acts on, never 422 or 429, and its remedy is in the message", () => {
  for (const code of Object.keys(PROBLEMS)) {
    const { code: status, message } = apiErrorOf(
      new SlipwayError(code, "It is so.", { remedy: "Do this." }),
      REQUEST,
    );
    expect([400, 401, 403, 404, 405, 409, 413, 415, 421, 500, 503], code).toContain(status);
    if (code !== "stack_not_empty") expect(message).toBe("It is so. Do this.");
  }
});

test("the refusal to remove a stack with resources has the words that the CLI compares", () => {
  expect(
    apiErrorOf(new SlipwayError("stack_not_empty", "The stack still has 3 resources."), REQUEST),
  ).toEqual({
    code: 400,
    message: "Bad Request: Stack still contains resources.",
  });
});

test.each(["08006", "57P01", "57P03", "53300", "40001", "40P01", "ECONNREFUSED", "ECONNRESET"])(
  "a database that fails with %s is answered 503, so that the CLI tries again",
  (code) => {
    expect(apiErrorOf(Object.assign(new Error("secret detail"), { code }), REQUEST)).toEqual({
      code: 503,
      message: expect.not.stringContaining("secret") as string,
    });
  },
);

test("what nobody expected says nothing of itself, and names where the log has it", () => {
  const { code, message } = apiErrorOf(new Error("password=hunter2"), REQUEST);
  expect(code).toBe(500);
  expect(message).toContain(REQUEST);
  expect(message).not.toContain("hunter2");
});

test("a body that is no JSON where raw text is read is the sender's fault", () => {
  for (const code of ["invalid_json", "invalid_journal", "invalid_state"]) {
    expect(apiErrorOf(new SlipwayError(code, "Expected a comma."), REQUEST).code).toBe(400);
  }
});
