import { expect, test } from "vitest";
import { credentialsAmong } from "../engine/environment.ts";
import { awsEnvironment } from "./aws-environment.ts";

test("the worker's variables reach a task, and only what is a credential is a secret", () => {
  const worker = {
    AWS_REGION: "eu-west-1",
    AWS_ENDPOINT_URL: "http://127.0.0.1:5000",
    AWS_ACCESS_KEY_ID: "AKIA1",
    AWS_SECRET_ACCESS_KEY: "very secret",
  };
  expect(awsEnvironment({}, worker)).toEqual({
    env: worker,
    endpoint: "http://127.0.0.1:5000",
    secrets: ["very secret"],
  });
});

test("keys of the stack's config leave no credential of the worker beside them", () => {
  const { env, secrets } = awsEnvironment(
    { accessKey: "AKIA2", secretKey: "other", region: "eu-central-1" },
    {
      AWS_SESSION_TOKEN: "old session",
      AWS_PROFILE: "someone",
      AWS_SECRET_ACCESS_KEY: "old",
      HTTPS_PROXY: "p",
    },
  );
  expect(env).toEqual({
    AWS_ACCESS_KEY_ID: "AKIA2",
    AWS_SECRET_ACCESS_KEY: "other",
    AWS_REGION: "eu-central-1",
    HTTPS_PROXY: "p",
  });
  expect(secrets).toEqual(["other"]);
});

test("one address of all services is the endpoint; several are told one by one, as the SDK names them", () => {
  const same = JSON.stringify([{ s3: "http://a", lambda: "http://a" }]);
  expect(awsEnvironment({ endpoints: same }, {}).endpoint).toBe("http://a");
  const several = JSON.stringify([{ s3: "http://a", secretsmanager: "http://b" }]);
  expect(awsEnvironment({ endpoints: several }, {})).toMatchObject({
    env: { AWS_ENDPOINT_URL_S3: "http://a", AWS_ENDPOINT_URL_SECRETS_MANAGER: "http://b" },
    endpoint: undefined,
  });
});

test("names tell what is a credential", () => {
  const credentials = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "DATADOG_API_KEY",
    "VAULT_TOKEN",
    "DB_PASSWORD",
  ];
  const others = [
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_REGION",
    "AWS_PROFILE",
    "HTTPS_PROXY",
    "KEYBOARD",
  ];
  const variables = Object.fromEntries([...credentials, ...others].map((name) => [name, name]));
  expect(credentialsAmong(variables).sort()).toEqual([...credentials].sort());
});
