import { connect } from "../connection.ts";
import type { OrganisationOptions } from "../organisation.ts";
import { organisationOf, withOrganisationOptions } from "../organisation.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";

export const register: Register = (program, context) => {
  const groups = program.command("groups").description("people of an organisation who decide together");

  withOrganisationOptions(groups.command("list"))
    .description("list the groups with their people")
    .action(async (options: OrganisationOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listGroups({ params: { organisation: organisationOf(options) } });
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      printTable(
        context,
        ["GROUP", "PEOPLE"],
        items.map(({ name, members }) => [
          name,
          members.map((one) => (one.counts ? one.name : `${one.name} (no member any more)`)).join(", "),
        ]),
        "No groups yet. Make one with `slipway groups create <name>`.",
      );
    });

  withOrganisationOptions(groups.command("create"))
    .description("make a group")
    .argument("<group>", "its name")
    .action(async (group: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      const made = await client.createGroup({ params: { organisation: organisationOf(options), group } });
      if (options.json === true) printJson(context, made);
      else
        printLine(context, `The group ${group} is there. Add people: slipway groups add ${group} <person>`);
    });

  withOrganisationOptions(groups.command("remove"))
    .description("remove a group that no stack's rules name")
    .argument("<group>", "its name")
    .action(async (group: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      await client.removeGroup({ params: { organisation: organisationOf(options), group } });
      if (options.json === true) printJson(context, { removed: group });
      else printLine(context, `The group ${group} is removed.`);
    });

  withOrganisationOptions(groups.command("add"))
    .description("add a person to a group")
    .argument("<group>", "its name")
    .argument("<person>", "a member of the organisation, or owner")
    .action(async (group: string, person: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      const organisation = organisationOf(options);
      const changed = await client.addToGroup({ params: { organisation, group, person } });
      if (options.json === true) printJson(context, changed);
      else printLine(context, `${person} is in ${group}.`);
    });

  withOrganisationOptions(groups.command("take"))
    .description("take a person out of a group; what they voted for counts no more")
    .argument("<group>", "its name")
    .argument("<person>", "as the list shows them")
    .action(async (group: string, person: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      await client.removeFromGroup({ params: { organisation: organisationOf(options), group, person } });
      if (options.json === true) printJson(context, { removed: person, from: group });
      else printLine(context, `${person} is not in ${group} any more.`);
    });
};
