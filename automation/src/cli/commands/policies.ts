import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { Option } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { DeploymentPolicies, PolicyRule } from "../../contract/policies.ts";
import { EnablePolicy, PolicyLevel } from "../../contract/policies.ts";
import { messageOf } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { withStackOptions } from "../options.ts";
import type { OrganisationOptions } from "../organisation.ts";
import { organisationOf, withOrganisationOptions } from "../organisation.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import { readPackFolder } from "../pack-folder.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";

interface PublishOptions extends OrganisationOptions {
  readonly name?: string;
  readonly packVersion?: string;
}
interface EnableOptions extends OrganisationOptions {
  readonly project?: string;
  readonly tag?: string;
  readonly level?: PolicyLevel;
  readonly overridable?: boolean;
  readonly holdsForRollbacks?: boolean;
  readonly config?: string;
}

/** Digits of a digest that people compare. */
const SHORT = 17;

export const register: Register = (program, context) => {
  const policies = program
    .command("policies")
    .description("what stacks must satisfy: policy packs and built-in policies, and what they found");
  manage(policies, context);
  look(policies, context);
  rights(policies, context);
};

function manage(policies: Command, context: CliContext): void {
  withOrganisationOptions(policies.command("list"))
    .description("list the policy packs of an organisation and the rules that its stacks must satisfy")
    .action(async (options: OrganisationOptions) => {
      const client = await connect(context, options);
      const found = await client.listPolicies({ params: { organisation: organisationOf(options) } });
      if (options.json === true) return printJson(context, found);
      const now = Date.now();
      printTable(
        context,
        ["PACK", "VERSION", "DIGEST", "PUBLISHED"],
        found.packs.map((one) => [
          one.name,
          one.version,
          one.digest.slice(0, SHORT),
          `by ${one.publishedBy}, ${formatAge(one.publishedAt, now)}`,
        ]),
        "No packs yet. Publish one with `slipway policies publish <folder>`.",
      );
      printLine(context);
      printTable(
        context,
        ["RULE", "POLICY", "LEVEL", "STACKS", "OVERRIDABLE", "ROLLBACKS", "ENABLED"],
        found.rules.map((one) => [
          one.id,
          labelOf(one),
          one.level === "pack" ? "as the pack says" : one.level,
          stacksOf(one),
          one.overridable ? "yes" : "no",
          rollbacksOf(one),
          `by ${one.enabledBy}, ${formatAge(one.enabledAt, now)}`,
        ]),
        "No rules: stacks need satisfy nothing. Make one with `slipway policies enable`.",
      );
    });

  withOrganisationOptions(policies.command("publish"))
    .description("publish a version of a policy pack; it runs nowhere until it is enabled")
    .argument("<folder>", "with PulumiPolicy.yaml, package.json and package-lock.json")
    .option("--name <name>", "instead of that in package.json")
    .option("--pack-version <version>", "instead of that in package.json")
    .action(async (folder: string, options: PublishOptions) => {
      const pack = await readPackFolder(folder, { name: options.name, version: options.packVersion });
      const client = await connect(context, options);
      const organisation = organisationOf(options);
      const made = await client.publishPack({ params: { organisation }, body: pack });
      if (options.json === true) return printJson(context, made);
      printLine(context, `${made.name} ${made.version} is published (${made.digest.slice(0, SHORT)}).`);
      printLine(context, `Enable it with \`slipway policies enable ${made.name}@${made.version}\`.`);
    });

  withOrganisationOptions(policies.command("enable"))
    .description("let stacks have to satisfy a pack or a built-in policy")
    .argument("<policy>", "<pack>@<version>, required-tags or protected-types")
    .option("--project <name>", "only the stacks of this project")
    .option("--tag <name=value>", "only stacks with this tag")
    .addOption(new Option("--level <level>", "instead of what the pack says").choices(PolicyLevel.options))
    .option("--overridable", "those who have the right may pass over a violation, once, with a reason")
    .option(
      "--holds-for-rollbacks",
      "it stops automatic rollbacks to releases that are older than the rule, too",
    )
    .option("--config <file>", "JSON: settings of the pack's policies, or of the built-in one")
    .action(async (policy: string, options: EnableOptions) => {
      const body = await enabled(policy, options);
      const client = await connect(context, options);
      const made = await client.enablePolicy({ params: { organisation: organisationOf(options) }, body });
      if (options.json === true) printJson(context, made);
      else printLine(context, `${labelOf(made)} is a rule for ${stacksOf(made)} (${made.id}).`);
    });

  withOrganisationOptions(policies.command("disable"))
    .description("end a rule")
    .argument("<rule>", "its id, as in policies list")
    .action(async (rule: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      await client.disablePolicy({ params: { organisation: organisationOf(options), rule } });
      if (options.json === true) printJson(context, { disabled: rule });
      else printLine(context, `The rule ${rule} is ended.`);
    });
}

function look(policies: Command, context: CliContext): void {
  withStackOptions(policies.command("results"))
    .description("list what policies said of a deployment")
    .argument("[deployment]", "id or #number; by default the newest of the stack")
    .action(async (given: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const { id } = await chooseRun(context, client, given, options);
      const found = await client.getDeploymentPolicies({ params: { id } });
      if (options.json === true) printJson(context, found);
      else printResults(context, found);
    });

  withStackOptions(policies.command("override"))
    .description("answer for the violations that stopped a deployment: one like it, unchanged, may pass once")
    .argument("[deployment]", "id or #number; by default the newest of the stack")
    .requiredOption("--reason <text>", "why, in 10 characters or more")
    .action(async (given: string | undefined, options: StackOptions & { reason: string }) => {
      const client = await connect(context, options);
      const { id } = await chooseRun(context, client, given, options);
      const { checked } = await client.getDeploymentPolicies({ params: { id } });
      if (checked === null) throw usageError("No policy has looked at this deployment.", "Name another one.");
      const body = { seal: checked.seal, reason: options.reason };
      const made = await client.overridePolicies({ params: { id }, body });
      if (options.json === true) return printJson(context, made);
      printLine(
        context,
        `Answered for. Deploy the same content before ${made.expiresAt}; anything else is stopped again.`,
      );
    });
}

function rights(policies: Command, context: CliContext): void {
  withOrganisationOptions(policies.command("grant"))
    .description("give a person the right to pass over violations; no role brings it")
    .argument("<user>", "a member of the organisation")
    .action(async (user: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      const params = { organisation: organisationOf(options), user };
      const made = await client.grantOverride({ params });
      if (options.json === true) printJson(context, made);
      else printLine(context, `${user} may pass over violations of policies in ${params.organisation}.`);
    });

  withOrganisationOptions(policies.command("revoke"))
    .description("take the right to pass over violations from a person")
    .argument("<user>")
    .action(async (user: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      await client.withdrawOverride({ params: { organisation: organisationOf(options), user } });
      if (options.json === true) printJson(context, { revoked: user });
      else printLine(context, `${user} may not pass over violations any more.`);
    });

  withOrganisationOptions(policies.command("overriders"))
    .description("list who may pass over violations")
    .action(async (options: OrganisationOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listOverriders({ params: { organisation: organisationOf(options) } });
      if (options.json === true) return printJson(context, items);
      const now = Date.now();
      printTable(
        context,
        ["WHO", "GIVEN"],
        items.map((one) => [one.principal, `by ${one.grantedBy}, ${formatAge(one.grantedAt, now)}`]),
        "Nobody but the owner of the installation may.",
      );
    });
}

async function enabled(policy: string, options: EnableOptions): Promise<EnablePolicy> {
  const [name = "", version] = policy.split("@");
  const isBuiltIn = name === "required-tags" || name === "protected-types";
  if (!isBuiltIn && version === undefined) {
    throw usageError(
      `${JSON.stringify(policy)} is no policy.`,
      "Use <pack>@<version>, required-tags or protected-types.",
    );
  }
  const [tag, ...value] = options.tag?.split("=") ?? [];
  if (options.tag !== undefined && value.length === 0)
    throw usageError(`${JSON.stringify(options.tag)} is no tag.`, "Use --tag name=value.");
  const body = EnablePolicy.safeParse({
    ...(isBuiltIn ? { kind: name } : { kind: "pack", pack: name, version }),
    ...(options.project === undefined ? {} : { project: options.project }),
    ...(tag === undefined ? {} : { tag: { name: tag, value: value.join("=") } }),
    ...(options.level === undefined ? {} : { level: options.level }),
    ...(options.config === undefined ? {} : { config: await readJson(options.config) }),
    overridable: options.overridable === true,
    holdsForRollbacks: options.holdsForRollbacks === true,
  });
  if (body.success) return body.data;
  const issue = body.error.issues[0];
  throw usageError(
    `${issue?.path.join(".") ?? "policy"}: ${issue?.message ?? "is not valid"}`,
    'A built-in policy needs --config: {"types": {"aws:*": ["owner"]}} for required-tags, {"types": ["aws:rds*"]} for protected-types.',
  );
}

/** Which automatic rollbacks a rule can stop. */
function rollbacksOf({ kind, holdsForRollbacks }: PolicyRule): string {
  return holdsForRollbacks || kind === "protected-types" ? "all" : "to newer releases";
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw usageError(
      `${file} cannot be read as JSON: ${messageOf(error)}`,
      "Write the settings as a JSON object.",
    );
  }
}

function printResults(context: CliContext, found: DeploymentPolicies): void {
  const { checked, override, letThroughBy } = found;
  if (checked === null) {
    printLine(context, "No policy has looked at this deployment.");
    return;
  }
  const packs = checked.packs.map(({ name, version }) => `${name} ${version}`.trim()).join(", ");
  printLine(
    context,
    `Rules of version ${checked.setVersion}${packs === "" ? "" : `; packs: ${clean(packs)}`}`,
  );
  printLine(
    context,
    `${found.mandatory} mandatory, ${found.advisory} advisory, ${found.remediated} remediated, ${found.overridden} overridden, ${found.reported} reported`,
  );
  if (letThroughBy !== null)
    printLine(context, `Let through by ${clean(letThroughBy.overriddenBy)}: ${clean(letThroughBy.reason)}`);
  if (override !== null)
    printLine(context, `Answered for by ${clean(override.overriddenBy)}: ${clean(override.reason)}`);
  else if (found.overridable)
    printLine(context, "Somebody with that right may answer for it: slipway policies override.");
  printTable(
    context,
    ["LEVEL", "POLICY", "RESOURCE", "OUTCOME", "MESSAGE"],
    found.items.map((one) => [
      one.level,
      clean(`${one.pack}/${one.policy}`),
      one.urn === null ? "the stack" : clean(one.urn.split("::").at(-1) ?? one.urn),
      one.step === "update" ? `${one.outcome} during the update` : one.outcome,
      clean(one.message.replaceAll("\n", " ")),
    ]),
    "They found nothing.",
  );
}

function labelOf({ kind, pack }: PolicyRule): string {
  return pack === null ? kind : `${pack.name} ${pack.version}`;
}

function stacksOf({ organisation, project, tag }: PolicyRule): string {
  const of = project === null ? organisation : `${organisation}/${project}`;
  return tag === null ? `all of ${of}` : `those of ${of} with ${tag.name}=${tag.value}`;
}
