import { formatAge } from "../../client/formats.ts";
import { OrganisationName } from "../../contract/identifiers.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { checked } from "../stack-choice.ts";

export const register: Register = (program, context) => {
  const organisations = program.command("organisations").description("list and create organisations");

  withCommonOptions(organisations.command("list"))
    .description("list those that you are a member of, with your role")
    .action(async (options: CommonOptions) => {
      const client = await connect(context, options);
      const { items } = await client.listOrganisations();
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["ORGANISATION", "YOUR ROLE", "CREATED"],
        items.map((one) => [one.name, one.role ?? "-", formatAge(one.createdAt, now)]),
        "You are a member of no organisation. An admin adds you: slipway members set <you> --role <role>.",
      );
    });

  withCommonOptions(organisations.command("create"))
    .description("create an organisation; for the owner of the installation")
    .argument("<name>", "letters, digits, '.', '_' and '-'")
    .action(async (given: string, options: CommonOptions) => {
      const client = await connect(context, options);
      const made = await client.createOrganisation({ body: { name: checked(OrganisationName, given) } });
      if (options.json === true) printJson(context, made);
      else printLine(context, `Organisation ${made.name} is created.`);
    });
};
