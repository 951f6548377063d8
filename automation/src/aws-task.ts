import { readFile, writeFile } from "node:fs/promises";
import type { AwsContext, TaskOutcome } from "./aws/task.ts";
import type { TaskAnswer } from "./aws/task-request.ts";
import { TaskRequest } from "./aws/task-request.ts";
import { messageOf, SlipwayError } from "./errors.ts";

/*
 * Does one task on AWS inside of an attempt's containment. argv[2]: the request, a file of JSON. argv[3]: where the answer goes. stdout: lines for people. Credentials are those of the environment.
 * SIGINT and SIGTERM ask it to end at the next safe point; what is in flight is finished or put back first. Exits 0 as soon as an answer is written, whatever it says, and 1 without one.
 */
const [requestFile = "", answerFile = ""] = process.argv.slice(2);
const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => stopping.abort());

try {
  const request = TaskRequest.parse(JSON.parse(await readFile(requestFile, "utf8")));
  const context: AwsContext = {
    region: request.aws.region,
    endpoint: request.aws.endpoint,
    tell: (line) => process.stdout.write(`${line}\n`),
    signal: stopping.signal,
  };
  const answer = answerOf(await carryOut(context, request));
  await writeFile(answerFile, JSON.stringify(answer), { mode: 0o600 });
  process.exit(0);
} catch (error) {
  process.stderr.write(`The task was not done: ${messageOf(error)}\n`);
  process.exit(1);
}

/** Only what a task needs is loaded: a client of AWS takes some 50 ms. */
async function carryOut(context: AwsContext, request: TaskRequest): Promise<TaskOutcome<unknown>> {
  try {
    switch (request.task) {
      case "ship":
        return await (await import("./aws/ship.ts")).ship(request.input, context);
      case "restore":
        return await (await import("./aws/restore.ts")).restore(request.input, context);
      case "validate":
        return await (await import("./aws/validation/validate.ts")).validate(request.input, context);
    }
  } catch (error) {
    if (error instanceof SlipwayError) return { state: "failed", parts: [], failure: error };
    throw error;
  }
}

function answerOf(outcome: TaskOutcome<unknown>): TaskAnswer {
  const parts = [...outcome.parts];
  if (outcome.state === "succeeded") return { state: "succeeded", parts, result: outcome.result };
  const { code, message, remedy = null } = outcome.failure;
  return { state: "failed", parts, failure: { code, message, remedy } };
}
