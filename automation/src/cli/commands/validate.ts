import { writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { lineOf, summaryOf } from "../../aws/validation/report-text.ts";
import type { Client } from "../../client/index.ts";
import { AwsManifest } from "../../contract/aws/manifest.ts";
import { ValidationChoice, ValidationGroup, ValidationSettings } from "../../contract/aws/validation.ts";
import type { StackPath } from "../../contract/identifiers.ts";
import type { Release } from "../../contract/releases.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { collect, withStackOptions } from "../options.ts";
import { clean, painter, printJson, printLine } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly release?: number;
  readonly only?: string;
  readonly except?: string;
  readonly output?: string;
  readonly resolver?: readonly string[];
  readonly extraCa?: string;
  readonly connectTo?: readonly string[];
  readonly browser?: string;
  readonly wait?: number;
}

const GROUPS = ValidationGroup.options.join(", ");

export const register: Register = (program, context) => {
  withStackOptions(program.command("validate [stack]"))
    .description("look at all that a stack on AWS consists of, with the credentials for AWS of this shell")
    .option(
      "--release <n>",
      "whose manifest is taken; the newest good release's without",
      positive("--release"),
    )
    .option("--only <groups>", `only these, separated by commas: ${GROUPS}`)
    .option("--except <groups>", "all but these")
    .option("--output <file>", "also write the report into a file, as JSON")
    .option("--resolver <address>", "name server to ask instead of this machine's; may be repeated", collect)
    .option("--extra-ca <file>", "certificates (PEM) that are trusted beside the public authorities")
    .option("--connect-to <name=address:port>", "where to connect for a host name; may be repeated", collect)
    .option("--browser <file>", "program of the browser that opens the site")
    .option("--wait <seconds>", "how long alerts, traces and alarms are waited for", positive("--wait"))
    .action(async (given: string | undefined, options: Options) => {
      const choice = choiceOf(options);
      const settings = settingsOf(context, options);
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, withStackArgument(options, given));
      const release = await releaseOf(client, stack, options.release);
      const manifest = manifestOf(stack, release);
      const json = options.json === true;
      if (!json) printLine(context, `Release ${release.number} of ${stackLabel(stack)}:`);
      // Loaded late: the clients of AWS take their time.
      const { validate } = await import("../../aws/validation/validate.ts");
      const outcome = await validate(
        { manifest, choice, settings, deployedAt: release.createdAt },
        {
          region: manifest.region,
          endpoint: context.env.AWS_ENDPOINT_URL || undefined,
          tell: () => {},
          signal: context.signal,
        },
      );
      if (outcome.state === "failed") throw outcome.failure;
      const report = outcome.result;
      if (options.output !== undefined) await keep(path.resolve(context.cwd, options.output), report);
      if (json) printJson(context, report);
      else {
        const paint = painter(context);
        for (const check of report.checks) {
          const line = clean(lineOf(check));
          printLine(context, check.state === "failed" ? paint("red", line) : line);
        }
        printLine(context, summaryOf(report));
      }
      if (report.state === "failed") context.finish(EXIT.failed);
    });
};

function choiceOf({ only, except }: Options): ValidationChoice {
  const groups = (text: string | undefined) => text?.split(",").map((one) => one.trim());
  const choice = ValidationChoice.safeParse({ only: groups(only), except: groups(except) });
  if (choice.success) return choice.data;
  throw usageError(
    `These groups cannot be chosen: ${choice.error.issues[0]?.message ?? "they are not known"}.`,
    `The groups are ${GROUPS}.`,
  );
}

function settingsOf(context: CliContext, options: Options): ValidationSettings {
  const settings = ValidationSettings.safeParse({
    ...(options.resolver === undefined ? {} : { resolvers: options.resolver }),
    ...(options.extraCa === undefined ? {} : { extraCaFile: path.resolve(context.cwd, options.extraCa) }),
    ...(options.browser === undefined ? {} : { browser: options.browser }),
    ...(options.wait === undefined ? {} : { waitSeconds: options.wait }),
    connectTo: Object.fromEntries((options.connectTo ?? []).map(placeOf)),
  });
  if (settings.success) return settings.data;
  const issue = settings.error.issues[0];
  throw usageError(
    `${issue?.path.join(".") ?? "An option"}: ${issue?.message ?? "is not allowed"}.`,
    "See `slipway help validate`.",
  );
}

function placeOf(text: string): [string, string] {
  const [name, place, ...rest] = text.split("=");
  if (name === undefined || name === "" || place === undefined || rest.length > 0)
    throw usageError(
      `${JSON.stringify(text)} does not say where to connect.`,
      "Write it as app.example=127.0.0.1:8443.",
    );
  return [name, place];
}

async function releaseOf(client: Client, stack: StackPath, number: number | undefined): Promise<Release> {
  if (number !== undefined) return client.getRelease({ params: { ...stack, number } });
  const releases = await allPages((page) => client.listReleases({ params: stack, query: page }));
  const good = releases.find((one) => one.health === "good");
  if (good !== undefined) return good;
  throw new SlipwayError("release_not_found", `${stackLabel(stack)} has no good release.`, {
    remedy: "Name one with --release; `slipway releases` lists them.",
  });
}

function manifestOf(stack: StackPath, { number, outputs }: Release): AwsManifest {
  if (outputs.manifest === undefined)
    throw new SlipwayError(
      "not_on_aws",
      `Release ${number} of ${stackLabel(stack)} has no output 'manifest'.`,
      {
        remedy: "Only stacks of the target aws can be validated.",
      },
    );
  const manifest = AwsManifest.safeParse(outputs.manifest);
  if (manifest.success) return manifest.data;
  throw new SlipwayError(
    "manifest_incomplete",
    `The manifest of release ${number} is incomplete: ${z.prettifyError(manifest.error).split("\n")[0] ?? ""}`,
    { remedy: "Deploy the stack again: its program makes the manifest." },
  );
}

async function keep(file: string, report: unknown): Promise<void> {
  try {
    await writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
  } catch (thrown) {
    throw new SlipwayError("report_not_written", `${file} cannot be written: ${messageOf(thrown)}.`, {
      cause: thrown,
      remedy: "Name another file with --output.",
    });
  }
}
