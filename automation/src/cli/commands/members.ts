import { formatAge } from "../../client/formats.ts";
import { Role } from "../../contract/access.ts";
import { connect } from "../connection.ts";
import { usageError } from "../failure.ts";
import type { OrganisationOptions } from "../organisation.ts";
import { organisationOf, withOrganisationOptions } from "../organisation.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";

const ROLES = Role.options.join(", ");

export const register: Register = (program, context) => {
  const members = program
    .command("members")
    .description("list, set and remove the people and service accounts of an organisation");

  withOrganisationOptions(members.command("list"))
    .description("list who has which role")
    .action(async (options: OrganisationOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listMembers({ params: { organisation: organisationOf(options) } });
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["MEMBER", "ROLE", "SET BY", "WHEN"],
        items.map((one) => [
          one.kind === "service" ? `service:${one.name}` : one.name,
          one.role,
          one.grantedBy,
          formatAge(one.grantedAt, now),
        ]),
        "No members yet. Add one with `slipway members set <name> --role <role>`.",
      );
    });

  withOrganisationOptions(members.command("set"))
    .description("give somebody a role; a person or service account that is not known yet is made")
    .argument("<member>", "the name of a person, or service:<name>")
    .requiredOption("--role <role>", `one of ${ROLES}`)
    .action(async (member: string, options: OrganisationOptions & { role: string }) => {
      const role = Role.safeParse(options.role);
      if (!role.success) {
        throw usageError(`${JSON.stringify(options.role)} is not a role.`, `Use one of ${ROLES}.`);
      }
      const client = await connect(context, options);
      const organisation = organisationOf(options);
      const set = await client.setMember({ params: { organisation, member }, body: { role: role.data } });
      if (options.json === true) printJson(context, set);
      else printLine(context, `${member} is ${set.role} of ${organisation}.`);
    });

  withOrganisationOptions(members.command("remove"))
    .description("take a person's role away, or remove a service account with its tokens")
    .argument("<member>", "as in members list")
    .option("--everywhere", "from all organisations, with all tokens; for the owner of the installation")
    .action(async (member: string, options: OrganisationOptions & { everywhere?: boolean }) => {
      const client = await connect(context, options);
      const organisation = organisationOf(options);
      if (options.everywhere === true) await client.removeUser({ params: { user: member } });
      else await client.removeMember({ params: { organisation, member } });
      const from = options.everywhere === true ? "all organisations" : organisation;
      if (options.json === true) printJson(context, { removed: member, from });
      else printLine(context, `${member} is removed from ${from}.`);
    });
};
