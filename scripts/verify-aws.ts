/**
 * `npm run verify:aws -- --stack <project/sandbox> --yes [--keep]`: runs the scenarios of the AWS target on a real account, on a stack that is there for nothing else. Without credentials, a
 * server or the provider plugin it says what is missing and ends with 0; with a scenario that fails it ends with 1, and without --yes with 2.
 */
import { parseArgs } from "node:util";
import { accountOf, missingFor } from "./verify-aws/prerequisites.ts";
import { slipwayRunner } from "./verify-aws/run-slipway.ts";
import { scenariosOf } from "./verify-aws/scenarios.ts";
import { verifyAll } from "./verify-aws/verify.ts";

const USAGE = 2;
const { values } = parseArgs({
  options: {
    stack: { type: "string" },
    region: { type: "string", default: process.env.AWS_REGION ?? "eu-central-1" },
    yes: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
  },
});
const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stopping.abort());
const say = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const account = await accountOf(values.region);
  if ("missing" in account) return skipped(account.missing);
  const { stack } = values;
  if (stack === undefined) return skipped("no stack was named: --stack <project/sandbox>");
  say(
    `This makes real resources in the account ${account.account} as ${account.arn}, and AWS bills them to it:`,
  );
  say(
    "functions, tables, a distribution, an API, alarms, keys; by the stack's config also a cache, a time series,",
  );
  say(
    "a NAT gateway. A distribution alone takes some 10 minutes to come and to go. Secrets that it destroys stay",
  );
  say(
    "for the days that AWS waits. The stack must be there for nothing else: its secrets and config are overwritten,",
  );
  say(values.keep ? "and it stays (--keep)." : "and it is destroyed at the end (--keep leaves it).");
  if (!values.yes) {
    say("Nothing was done. Say --yes to go on.");
    return USAGE;
  }
  const run = slipwayRunner(stopping.signal);
  const missing = await missingFor(stack, run);
  if (missing !== null) return skipped(missing);
  const results = await verifyAll(scenariosOf(stack, { destroys: !values.keep }), run, say);
  const count = (state: string) => results.filter((one) => one.state === state).length;
  say(`verify:aws: ${count("passed")} passed, ${count("failed")} failed, ${count("not-run")} not run`);
  if (count("failed") > 0) say(`What was made is still there: slipway destroy --stack ${stack}`);
  return count("failed") > 0 ? 1 : 0;
}

function skipped(why: string): number {
  say(`skipped: verify:aws, ${why}`);
  say("The stand-ins of the tests prove what docs/aws.md says; a real account is not needed for them.");
  return 0;
}
