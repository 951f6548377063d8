import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { TaskRequest } from "../aws/task-request.ts";
import { TaskAnswer } from "../aws/task-request.ts";
import { messageOf } from "../errors.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { awsEnvironment } from "./aws-environment.ts";
import { describeFailure, runCommand } from "./run-command.ts";

const ENTRY = path.resolve(import.meta.dirname, "../aws-task.ts");

/** How a task on AWS ended. `answer`: null when it gave none, and why. `isStopped`: somebody asked it to end; what it answers then is what it had come to. */
export interface TaskEnd {
  answer: TaskAnswer | null;
  why: string;
  isStopped: boolean;
}

/** Does one task on AWS in the attempt's containment, with the credentials that the stack's engine has. */
export async function runAwsTask(
  run: AttemptRun,
  step: string,
  request: { task: TaskRequest["task"]; region: string; input: Readonly<Record<string, unknown>> },
  timeoutSeconds: number,
): Promise<TaskEnd> {
  const { workDir, secrets, commandEnvironment, aws } = preparedOf(run);
  const { env, endpoint, secrets: credentials } = awsEnvironment(aws, run.context.engineVariables);
  const { task, region, input } = request;
  const name = `aws-${step}-${task}`;
  const requestFile = path.join(run.folder, `${name}.json`);
  const answerFile = path.join(run.folder, `${name}-answer.json`);
  const settings = { region, ...(endpoint === undefined ? {} : { endpoint }) };
  await writeFile(requestFile, JSON.stringify({ task, aws: settings, input }), { mode: 0o600 });
  const argv = [run.context.nodePath, ENTRY, requestFile, answerFile];
  const { NODE_COMPILE_CACHE: compileCache } = commandEnvironment;
  const { PATH = "", HOME = "", TMPDIR = "" } = commandEnvironment;
  const { outcome, tail } = await runCommand(run, step, {
    argv,
    cwd: workDir,
    env: {
      PATH,
      HOME,
      TMPDIR,
      LANG: "C.UTF-8",
      NO_COLOR: "1",
      ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }),
      ...env,
      AWS_REGION: region,
    },
    timeoutSeconds,
    secrets: [...secrets, ...credentials],
  });
  const why =
    outcome.status === "succeeded"
      ? "it gave no answer"
      : describeFailure([`aws-task ${task}`], outcome, tail);
  return { ...(await readAnswer(answerFile, why)), isStopped: outcome.status === "interrupted" };
}

async function readAnswer(file: string, why: string): Promise<Omit<TaskEnd, "isStopped">> {
  try {
    return { answer: TaskAnswer.parse(JSON.parse(await readFile(file, "utf8"))), why: "" };
  } catch (error) {
    // How the program ended says more than that its file is not there.
    return { answer: null, why: `${why} (${messageOf(error).split("\n")[0] ?? ""})` };
  }
}
