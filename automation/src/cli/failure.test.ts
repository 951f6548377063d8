import { expect, test } from "vitest";
import { ProblemError } from "../client/problem-error.ts";
import type { CliContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { printFailure } from "./output.ts";

function refusal(detail: string, code: "unauthenticated" | "invalid_request", issues?: [string, string]) {
  return new ProblemError({
    type: `urn:slipway:problem:${code}`,
    title: code,
    status: code === "unauthenticated" ? 401 : 422,
    code,
    detail,
    ...(code === "unauthenticated" ? { remedy: "Send 'Authorization: Bearer <token>'." } : {}),
    ...(issues === undefined ? {} : { issues: [{ path: issues[0], message: issues[1] }] }),
  });
}

/** What is printed on standard error, without colours. */
function printed(thrown: unknown): string {
  let text = "";
  const stderr = { write: (part: string) => (text += part) };
  printFailure({ env: {}, stderr } as unknown as CliContext, failureOf(thrown), false);
  return text;
}

test("a token that is refused is told by where the command line took it from, not by a header", () => {
  const refused = refusal("The token is not known here, was revoked or has expired.", "unauthenticated");
  expect(failureOf(refused).remedy).toBe("Run `slipway login`, or pass --token-file.");
  expect(failureOf(refused, "SLIPWAY_TOKEN").remedy).toBe(
    "It is the one in SLIPWAY_TOKEN: correct that, or unset it and run `slipway login`.",
  );
  expect(failureOf(refused, "--token-file").remedy).toMatch(/names: name another file/);
});

test("a refusal of one field is printed once", () => {
  const needed = refusal("query.from is needed: no stack is before local.", "invalid_request", [
    "query.from",
    "is needed: no stack is before local",
  ]);
  expect(printed(needed)).toBe("error: query.from is needed: no stack is before local.\n");
  const both = refusal("The name cannot be used.", "invalid_request", ["body.name", "is too long"]);
  expect(printed(both)).toBe("error: The name cannot be used.\n  body.name: is too long\n");
});
