import { randomUUID } from "node:crypto";
import type { SlotName } from "../../aws/secrets/formats.ts";
import { secretsTemplate, slotOf } from "../../aws/secrets/formats.ts";
import { putSecret, secretsClient } from "../../aws/secrets/put-secret.ts";
import type { SecretReader } from "../../aws/secrets/readers.ts";
import { allRead, waitForReaders } from "../../aws/secrets/readers.ts";
import { formatAge } from "../../client/formats.ts";
import type { Client } from "../../client/index.ts";
import { AwsManifest } from "../../contract/aws/manifest.ts";
import type { StackPath } from "../../contract/identifiers.ts";
import type { SecretVersions } from "../../contract/secret-versions.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { withCommonOptions, withStackOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { watchRequested } from "../request.ts";
import { readSecretValues } from "../secret-input.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";

interface PopulateOptions extends StackOptions {
  readonly only?: string;
  readonly skip?: string;
  readonly file?: string;
  /** False with --no-refresh. */
  readonly refresh: boolean;
  readonly waitSeconds: number;
}

const MS_PER_SECOND = 1_000;
const VERIFY_SECONDS = 120;

export const register: Register = (program, context) => {
  const secrets = program
    .command("secrets")
    .description(
      "the secrets of a stack on AWS: put values, see who put which version, have functions read them",
    );
  withStackOptions(secrets.command("populate [stack]"))
    .description(
      "put values straight into AWS Secrets Manager, typed unseen, of a file or of standard input; then refresh the functions and see that they read them",
    )
    .option("--only <slots>", "these slots, separated by commas")
    .option("--skip <slots>", "all but these")
    .option("--file <json>", "a file as `secrets template` prints it, which nobody else may read")
    .option("--no-refresh", "put the values and leave the functions as they are")
    .option(
      "--wait-seconds <n>",
      "how long functions may take to read the new versions",
      positive("--wait-seconds"),
      VERIFY_SECONDS,
    )
    .action((stack: string | undefined, options: PopulateOptions) =>
      populate(context, withStackArgument(options, stack) as PopulateOptions),
    );
  withStackOptions(secrets.command("list [stack]"))
    .description("the slots of a stack, with who put which version; never a value")
    .action(async (stack: string | undefined, options: StackOptions) => {
      const { client, params } = await stackOf(context, withStackArgument(options, stack));
      const versions = await client.listSecretVersions({ params });
      if (options.json === true) printJson(context, versions);
      else printVersions(context, versions);
    });
  withStackOptions(secrets.command("refresh [stack]"))
    .description("deploy the release that runs again, so that its functions read the newest versions")
    .option("--no-wait", "print the deployment and return, instead of watching it to its end")
    .action(async (stack: string | undefined, options: StackOptions & { wait: boolean }) => {
      const { client, params } = await stackOf(context, withStackArgument(options, stack));
      const deployment = await client.refreshSecrets({ params, idempotencyKey: randomUUID() });
      await watchRequested(context, client, options, deployment);
    });
  withStackOptions(secrets.command("verify [stack]"))
    .description("ask every function which versions it reads")
    .option(
      "--wait-seconds <n>",
      "how long functions may take to read the newest versions",
      positive("--wait-seconds"),
      1,
    )
    .action(async (stack: string | undefined, options: StackOptions & { waitSeconds: number }) => {
      const { client, params } = await stackOf(context, withStackArgument(options, stack));
      const versions = await client.listSecretVersions({ params });
      const readers = await verify(
        context,
        await manifestOf(client, params, versions),
        versions,
        options.waitSeconds,
      );
      if (options.json === true) printJson(context, readers);
      else printReaders(context, readers);
      if (!allRead(readers)) context.finish(EXIT.failed);
    });
  withCommonOptions(secrets.command("template"))
    .description("print what is to be filled in, as JSON")
    .option("--only <slots>", "these slots, separated by commas")
    .option("--skip <slots>", "all but these")
    .action((options: { only?: string; skip?: string }) => {
      printJson(context, secretsTemplate(chosenSlots(Object.keys(secretsTemplate()), options)));
    });
};

async function stackOf(
  context: CliContext,
  options: StackOptions,
): Promise<{ client: Client; params: StackPath }> {
  const client = await connect(context, options);
  return { client, params: await chooseStack(context, client, options) };
}

async function populate(context: CliContext, options: PopulateOptions): Promise<void> {
  const json = options.json === true;
  const { client, params } = await stackOf(context, options);
  const before = await client.listSecretVersions({ params });
  const manifest = await manifestOf(client, params, before);
  const slots = chosenSlots(Object.keys(manifest.secrets), options);
  const values = await readSecretValues(context, slots, options.file);
  if (values.size === 0) {
    if (json) printJson(context, { ...before, put: [], readers: [] });
    else printLine(context, "All slots were skipped. Nothing was stored.");
    return;
  }
  const put = await putAll(context, client, { params, manifest, values, json });
  if (!options.refresh) {
    const after = await client.listSecretVersions({ params });
    if (json) printJson(context, { ...after, put, readers: [] });
    else
      printLine(
        context,
        `Functions read them with the next deployment: slipway secrets refresh ${stackLabel(params)}`,
      );
    return;
  }
  await refreshAndVerify(context, client, { params, manifest, put, options });
}

/** Stores the values one by one and records what was stored, also when one of them fails. */
async function putAll(
  context: CliContext,
  client: Client,
  {
    params,
    manifest,
    values,
    json,
  }: {
    params: StackPath;
    manifest: AwsManifest;
    values: ReadonlyMap<SlotName, Readonly<Record<string, string>>>;
    json: boolean;
  },
): Promise<string[]> {
  const endpoint = context.env.AWS_ENDPOINT_URL_SECRETS_MANAGER || context.env.AWS_ENDPOINT_URL || undefined;
  const aws = secretsClient({ region: manifest.region, endpoint });
  const versions: { slot: string; arn: string; versionId: string }[] = [];
  try {
    for (const [slot, value] of values) {
      const arn = manifest.secrets[slot] ?? "";
      const place = { slot, arn, kmsKeyArn: manifest.kmsKeyArn };
      const versionId = await putSecret(aws, place, value, context.signal).catch((thrown: unknown) => {
        throw withOwnCredentials(thrown);
      });
      versions.push({ slot, arn, versionId });
      if (!json) printLine(context, `${slot}: stored as version ${versionId}`);
    }
  } finally {
    aws.destroy();
    // What is stored is stored: the record must not depend on the slots after it.
    if (versions.length > 0) await client.recordSecretVersions({ params, body: { versions } });
  }
  return versions.map(({ slot }) => slot);
}

async function refreshAndVerify(
  context: CliContext,
  client: Client,
  {
    params,
    manifest,
    put,
    options,
  }: { params: StackPath; manifest: AwsManifest; put: string[]; options: PopulateOptions },
): Promise<void> {
  const json = options.json === true;
  const deployment = await client.refreshSecrets({ params, idempotencyKey: randomUUID() });
  let code: number = EXIT.ok;
  const quiet = {
    ...context,
    finish: (given: number) => (code = given),
    ...(json ? { stdout: NOWHERE } : {}),
  };
  await watchRequested(quiet, client, { json, wait: true }, deployment);
  const after = await client.listSecretVersions({ params });
  if (code !== EXIT.ok) {
    if (json) printJson(context, { ...after, put, deployment: deployment.id, readers: [] });
    else
      printLine(
        context,
        `The values are stored; whether functions read them is not known yet: slipway secrets verify ${stackLabel(params)}`,
      );
    context.finish(code);
    return;
  }
  const readers = await verify(context, manifest, after, options.waitSeconds);
  if (json) printJson(context, { ...after, put, deployment: deployment.id, readers });
  else printReaders(context, readers);
  if (!allRead(readers)) context.finish(EXIT.failed);
}

const NOWHERE = { write: () => true };

function verify(
  context: CliContext,
  manifest: AwsManifest,
  { items }: SecretVersions,
  waitSeconds: number,
): Promise<SecretReader[]> {
  const expected = new Map(
    items.flatMap(({ slot, versionId }) => (versionId === null ? [] : [[slot, versionId] as const])),
  );
  return waitForReaders(manifest, expected, { waitMs: waitSeconds * MS_PER_SECOND, signal: context.signal });
}

/** Identifiers of the stack, as its newest good release has them. */
async function manifestOf(
  client: Client,
  params: StackPath,
  { release }: SecretVersions,
): Promise<AwsManifest> {
  if (release === null) {
    throw new SlipwayError(
      "release_not_found",
      `${stackLabel(params)} has no release on AWS, and so no secrets.`,
      {
        remedy: `Deploy it first: slipway deploy --stack ${stackLabel(params)}`,
      },
    );
  }
  const { outputs } = await client.getRelease({ params: { ...params, number: release } });
  const manifest = AwsManifest.safeParse(outputs.manifest);
  if (manifest.success) return manifest.data;
  throw new SlipwayError("manifest_invalid", `The manifest of release ${release} is not as it must be.`, {
    remedy: "Deploy the stack again.",
    details: {
      issues: manifest.error.issues.map(({ path, message }) => ({
        path: path.map(String).join("."),
        message,
      })),
    },
  });
}

/** Slots among those that there are. Throws `usage` for a name that is none of them. */
function chosenSlots(there: readonly string[], { only, skip }: { only?: string; skip?: string }): SlotName[] {
  const named = (list: string | undefined) =>
    (list ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
  const unknown = [...named(only), ...named(skip)].filter((name) => !there.includes(name));
  if (unknown.length > 0)
    throw usageError(`There is no slot ${unknown.join(", ")}.`, `There are: ${there.join(", ")}.`);
  return there
    .filter((name) => (only === undefined || named(only).includes(name)) && !named(skip).includes(name))
    .flatMap((name) => {
      const slot = slotOf(name)?.name;
      return slot === undefined ? [] : [slot];
    });
}

/** Whoever runs this command stores the values, not the worker. */
function withOwnCredentials(thrown: unknown): unknown {
  if (!(thrown instanceof SlipwayError) || thrown.code !== "aws_credentials") return thrown;
  return new SlipwayError(thrown.code, messageOf(thrown), {
    cause: thrown,
    remedy: "Sign in to AWS in this shell (AWS_PROFILE, or aws sso login), then run the command again.",
  });
}

function printVersions(context: CliContext, { items, epoch }: SecretVersions): void {
  const now = Date.now();
  printTable(
    context,
    ["SLOT", "FOR", "VERSION", "BY", "WHEN"],
    items.map(({ slot, title, arn, versionId, putBy, putAt }) => [
      slot,
      title,
      arn === null ? "(not in the stack)" : (versionId ?? "(empty)"),
      putBy ?? "",
      putAt === null ? "" : formatAge(putAt, now),
    ]),
    "There are no slots.",
  );
  if (epoch !== null) printLine(context, `Epoch of the next deployment: ${epoch}`);
}

function printReaders(context: CliContext, readers: readonly SecretReader[]): void {
  printTable(
    context,
    ["SLOT", "FUNCTION", "STATE", "DETAIL"],
    readers.map((reader) => [reader.slot, reader.function, reader.state, reader.detail]),
    "No version was put yet that a function could read.",
  );
}
