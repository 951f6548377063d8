import { randomUUID } from "node:crypto";
import path from "node:path";
import { formatAge } from "../../client/formats.ts";
import { OrganisationName, ProjectName } from "../../contract/identifiers.ts";
import { connect } from "../connection.ts";
import type { CommonOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { withCommonOptions } from "../options.ts";
import { printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { checked, DEFAULT_ORGANISATION, nearestPulumiProject } from "../stack-choice.ts";

interface CreateOptions extends CommonOptions {
  readonly folder: string;
}

export const register: Register = (program, context) => {
  const projects = program.command("projects").description("list, create and remove projects");

  withCommonOptions(projects.command("list"))
    .description("list the registered projects")
    .action(async (options: CommonOptions) => {
      const client = await connect(context, options);
      const items = await allPages((page) => client.listProjects({ query: page }));
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["PROJECT", "FOLDER", "CREATED"],
        items.map((one) => [
          label(one),
          one.folder ?? "(none: made by pulumi)",
          formatAge(one.createdAt, now),
        ]),
        "No projects yet. Register one with `slipway projects create`.",
      );
    });

  withCommonOptions(projects.command("create"))
    .description("register a folder as a project")
    .argument("[name]", "[organisation/]name; by default the name in the folder's Pulumi.yaml")
    .option("--folder <folder>", "the folder on the server that holds Pulumi.yaml", ".")
    .action(async (given: string | undefined, options: CreateOptions) => {
      const folder = path.resolve(context.cwd, options.folder);
      const { organisation, project } = parseProject(given ?? (await nameOf(folder)));
      const client = await connect(context, options);
      const created = await client.createProject({
        body: { organisation, name: project, folder },
        idempotencyKey: randomUUID(),
      });
      if (options.json === true) printJson(context, created);
      else
        printLine(context, `Project ${label(created)} is registered with ${created.folder ?? "no folder"}.`);
    });

  withCommonOptions(projects.command("remove"))
    .description("forget a project that has no stacks; its folder stays as it is")
    .argument("<name>", "[organisation/]name")
    .action(async (given: string, options: CommonOptions) => {
      const client = await connect(context, options);
      const params = parseProject(given);
      await client.removeProject({ params });
      if (options.json === true) printJson(context, { removed: params });
      else printLine(context, `Project ${given} is removed.`);
    });
};

function parseProject(given: string): { organisation: string; project: string } {
  const [name = "", organisation, ...more] = given.split("/").toReversed();
  if (more.length > 0)
    throw usageError(
      `${JSON.stringify(given)} is not the name of a project.`,
      "Write it as [organisation/]name.",
    );
  return {
    organisation: organisation === undefined ? DEFAULT_ORGANISATION : checked(OrganisationName, organisation),
    project: checked(ProjectName, name),
  };
}

async function nameOf(folder: string): Promise<string> {
  const found = await nearestPulumiProject(folder).catch(() => null);
  if (found?.name != null) return found.name;
  throw usageError(
    `${folder} holds no Pulumi.yaml with a name.`,
    "Give the project a name: slipway projects create <name>.",
  );
}

function label(project: { organisation: string; name: string }): string {
  return project.organisation === DEFAULT_ORGANISATION
    ? project.name
    : `${project.organisation}/${project.name}`;
}
