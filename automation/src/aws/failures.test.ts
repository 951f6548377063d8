import { GetAliasCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { expect, test } from "vitest";
import { SlipwayError } from "../errors.ts";
import { clientSettings } from "./clients.ts";
import { awsFailure } from "./failures.ts";

const ASKED = { operation: "lambda:UpdateAlias", resource: "alias shop-audit:live" };

/** An error as the SDK throws it. */
function answered(name: string, status: number, message = "no"): Error {
  return Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });
}

test.each([
  ["AccessDeniedException", 403, "aws_denied", "Allow the deploying role lambda:UpdateAlias"],
  ["Forbidden", 403, "aws_denied", "Allow the deploying role"],
  ["ExpiredTokenException", 403, "aws_credentials", "valid credentials"],
  ["CredentialsProviderError", 0, "aws_credentials", "valid credentials"],
  ["TooManyRequestsException", 429, "aws_throttled", "Deploy again later"],
  ["SlowDown", 503, "aws_throttled", "Deploy again later"],
  ["ResourceNotFoundException", 404, "aws_not_found", "Refresh the stack"],
  ["PreconditionFailedException", 412, "aws_conflict", "changed alias shop-audit:live"],
  ["TimeoutError", 0, "aws_timeout", "Deploy again"],
  ["InvalidParameterValueException", 400, "aws_refused", "AWS's own"],
  ["UnknownError", 403, "aws_denied", "Allow the deploying role"],
])("%s with status %i is %s", (name, status, code, remedy) => {
  const failure = awsFailure(answered(name, status), ASKED);
  expect(failure).toMatchObject({ code, details: { ...ASKED } });
  expect(failure.message).toMatch(/^lambda:UpdateAlias of alias shop-audit:live: .*no\.$/);
  expect(failure.remedy).toContain(remedy);
});

test("an error of Slipway passes as it is", () => {
  const own = new SlipwayError("smoke_failed", "It does not work.");
  expect(awsFailure(own, ASKED)).toBe(own);
});

test("a way that leads nowhere is named, after as many tries as were asked for", async () => {
  const lambda = new LambdaClient({
    ...clientSettings({ region: "eu-central-1", endpoint: "http://127.0.0.1:9" }, 2),
    credentials: { accessKeyId: "none", secretAccessKey: "hush" },
  });
  const thrown: unknown = await lambda
    .send(new GetAliasCommand({ FunctionName: "shop-audit", Name: "live" }))
    .catch((error: unknown) => error);
  lambda.destroy();
  const failure = awsFailure(thrown, ASKED);
  expect(failure.code).toBe("aws_unreachable");
  expect(JSON.stringify([failure.message, failure.remedy, failure.details])).not.toContain("hush");
});
