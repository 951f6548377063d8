import { inspect } from "node:util";
import { ResourceNotFoundException, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { expect, it } from "vitest";
import { createSecretReader, SECRET_TTL_MS } from "./reader.ts";

type Asked = { SecretId?: string; VersionStage?: string };
const ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:okx";

/** A client of which only `send` is used: what Secrets Manager itself does is tested with the functions. */
function clientThat(answer: (input: Asked) => object): { client: SecretsManagerClient; asked: Asked[] } {
  const asked: Asked[] = [];
  const send = async ({ input }: { input: Asked }) => {
    asked.push(input);
    return answer(input);
  };
  return { client: { send } as unknown as SecretsManagerClient, asked };
}

it("reads the current version by its ARN, once until its time is over", async () => {
  let clock = 0;
  const { client, asked } = clientThat(() => ({ SecretString: "hush", VersionId: `v${asked.length}` }));
  const reader = createSecretReader({ client, arns: { okx: ARN }, nowMs: () => clock });
  expect((await reader.read("okx"))?.reveal()).toBe("hush");
  clock = SECRET_TTL_MS - 1;
  expect((await reader.read("okx"))?.versionId).toBe("v1");
  clock = SECRET_TTL_MS;
  expect((await reader.read("okx"))?.versionId).toBe("v2");
  expect(asked).toEqual(Array(2).fill({ SecretId: ARN, VersionStage: "AWSCURRENT" }));
});

it("a value does not show where a secret is written by accident", async () => {
  const { client } = clientThat(() => ({ SecretString: "hush", VersionId: "v1" }));
  const secret = await createSecretReader({ client, arns: { okx: ARN }, nowMs: () => 0 }).read("okx");
  expect([String(secret), `${JSON.stringify({ secret })}`, inspect({ secret })].join()).not.toContain("hush");
});

it("an empty slot is no failure, a locked one is, and neither is remembered", async () => {
  let answer: () => object = () => {
    throw new ResourceNotFoundException({ message: "nothing there", $metadata: {} });
  };
  const { client, asked } = clientThat(() => answer());
  const reader = createSecretReader({ client, arns: { okx: ARN }, nowMs: () => 0 });
  const failures: unknown[] = [];
  const states = () => reader.states((slot, error) => failures.push([slot, error]));
  expect(await states()).toEqual([{ slot: "okx", state: "empty", versionId: null }]);
  expect(failures).toEqual([]);
  const denied = new Error("AccessDenied");
  answer = () => {
    throw denied;
  };
  expect(await states()).toEqual([{ slot: "okx", state: "unreadable", versionId: null }]);
  expect(failures).toEqual([["okx", denied]]);
  answer = () => ({ SecretString: "hush", VersionId: "v1" });
  expect(await states()).toEqual([{ slot: "okx", state: "present", versionId: "v1" }]);
  expect(asked).toHaveLength(3);
});
