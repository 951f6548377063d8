import { formatAge } from "../../client/formats.ts";
import { USUAL_TOKEN_DAYS } from "../../contract/access.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withCommonOptions } from "../options.ts";
import type { OrganisationOptions } from "../organisation.ts";
import { organisationOf, withOrganisationOptions } from "../organisation.ts";
import { printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";

const SERVICE = "service:";
interface CreateOptions extends OrganisationOptions {
  readonly for?: string;
  readonly days: number;
}

export const register: Register = (program, context) => {
  const tokens = program.command("tokens").description("create, list and revoke access tokens");

  withOrganisationOptions(tokens.command("create"))
    .description("make a token and print its value, which nobody can read again")
    .argument("<name>", "what it is for: the machine, the pipeline")
    .option("--for <member>", "whose it is: a person, or service:<name>; by default yours")
    .option("--days <n>", "how long it is good", positive("--days"), USUAL_TOKEN_DAYS)
    .action(async (name: string, options: CreateOptions) => {
      const client = await connect(context, options);
      const principal = options.for === undefined ? {} : { principal: principalOf(options.for, options) };
      const made = await client.createToken({ body: { name, expiresInDays: options.days, ...principal } });
      if (options.json === true) {
        printJson(context, made);
        return;
      }
      printLine(context, made.value);
      // Beside the value, so that a script reads that alone.
      context.stderr.write(
        `Token of ${made.principal}, good until ${made.expiresAt ?? "it is revoked"}. Keep it now: it is not shown again.\n`,
      );
    });

  withCommonOptions(tokens.command("list"))
    .description("list your tokens and those that you manage, without their values")
    .option("--all", "also those that were revoked or have expired")
    .action(async (options: CommonOptions & { all?: boolean }) => {
      const client = await connect(context, options);
      const ended = options.all === true ? "true" : "false";
      const items = await allPages((page) => client.listTokens({ query: { ...page, ended } }));
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["ID", "OF", "NAME", "CREATED", "ENDS"],
        items.map((one) => [
          one.id,
          one.principal,
          one.name ?? "(in the data folder)",
          formatAge(one.createdAt, now),
          one.revokedAt !== null ? `revoked ${formatAge(one.revokedAt, now)}` : (one.expiresAt ?? "never"),
        ]),
        "No tokens.",
      );
    });

  withCommonOptions(tokens.command("revoke"))
    .description("end a token at once")
    .argument("<id>", "as in tokens list")
    .action(async (id: string, options: CommonOptions) => {
      const client = await connect(context, options);
      await client.revokeToken({ params: { id } });
      if (options.json === true) printJson(context, { revoked: id });
      else printLine(context, `Token ${id} is revoked.`);
    });
};

function principalOf(member: string, options: OrganisationOptions): string {
  return member.startsWith(SERVICE)
    ? `${SERVICE}${organisationOf(options)}/${member.slice(SERVICE.length)}`
    : `user:${member}`;
}
