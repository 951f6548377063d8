import type { Command } from "commander";
import { OrganisationName } from "../contract/identifiers.ts";
import type { CommonOptions } from "./context.ts";
import { withCommonOptions } from "./options.ts";
import { checked, DEFAULT_ORGANISATION } from "./stack-choice.ts";

/** Options of commands about one organisation. */
export interface OrganisationOptions extends CommonOptions {
  readonly organisation?: string;
}

/** Adds what every command about one organisation takes. */
export function withOrganisationOptions(command: Command): Command {
  return withCommonOptions(
    command.option("--organisation <name>", `the organisation; by default ${DEFAULT_ORGANISATION}`),
  );
}

/** The organisation that a command is about. */
export function organisationOf(options: OrganisationOptions): string {
  return options.organisation === undefined
    ? DEFAULT_ORGANISATION
    : checked(OrganisationName, options.organisation);
}
