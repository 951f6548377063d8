import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { messageOf } from "../../automation/src/errors.ts";
import type { RunSlipway } from "./run-slipway.ts";

/** Of the provider that infra/ is written for: the package @pulumi/aws has the same version. */
export const PROVIDER_VERSION = "7.48.0";
const ASK_LIMIT_MS = 10_000;

/** Who pays: the account and the identity that the SDK finds credentials for; else why not. */
export async function accountOf(
  region: string,
): Promise<{ account: string; arn: string } | { missing: string }> {
  const client = new STSClient({ region, maxAttempts: 1 });
  try {
    const { Account = "?", Arn = "?" } = await client.send(new GetCallerIdentityCommand({}), {
      abortSignal: AbortSignal.timeout(ASK_LIMIT_MS),
    });
    return { account: Account, arn: Arn };
  } catch (thrown) {
    return { missing: `no credentials for AWS that are good: ${firstLine(messageOf(thrown))}` };
  } finally {
    client.destroy();
  }
}

/** Why the scenarios cannot run: no server, no such stack, or no provider plugin to be had; null: they can. */
export async function missingFor(stack: string, run: RunSlipway): Promise<string | null> {
  const there = await run({ argv: ["stacks", "show", "--stack", stack, "--json"] });
  if (there.exitCode !== 0) return `no stack ${stack} on a server that answers: ${firstLine(there.stderr)}`;
  const plugin = await run({
    argv: ["pulumi", "--", "plugin", "install", "resource", "aws", PROVIDER_VERSION],
  });
  return plugin.exitCode === 0
    ? null
    : `the provider plugin aws ${PROVIDER_VERSION} cannot be had: ${firstLine(plugin.stderr)}`;
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}
