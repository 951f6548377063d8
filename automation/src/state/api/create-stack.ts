import { randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { Actor } from "../../access/rules.ts";
import { appendAudit } from "../../audit/store.ts";
import type { Project } from "../../contract/projects.ts";
import type { Transaction } from "../../database.ts";
import { withTransaction } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import { insertProject, lockProject } from "../../projects/store.ts";
import { insertStack } from "../../stacks/store.ts";
import { editedObject, isAbsent, membersOf, rawText, wholeValue } from "../journal/raw-json.ts";
import { putState, readImport } from "../put-state.ts";
import { lockWriter } from "../writers-store.ts";
import { auditStack, clientOf } from "./audit.ts";
import { bodyText, parseText } from "./bodies.ts";
import { allowIn } from "./context.ts";
import type { StateApiDependencies } from "./dependencies.ts";
import { organisationExists } from "./summaries-store.ts";
import { CreateStackRequest } from "./wire.ts";

/** What `pulumi stack init` asks for. */
export interface NewStack {
  organisation: string;
  project: string;
  stack: string;
  tags: Record<string, string>;
  /** JSON text of the state that it starts with (`--copy-config-from` and migrations); null: none. */
  state: string | null;
  actor: Actor;
  request: FastifyRequest;
}

/** Reads the request for a new stack; a state in it is not parsed. Throws SlipwayError for what Slipway does not have. */
export function readCreateStack(request: FastifyRequest): Pick<NewStack, "stack" | "tags" | "state"> {
  const body = wholeValue(bodyText(request));
  const members = membersOf(body);
  const state = members.get("state");
  const rest = editedObject(body, members, new Map([["state", undefined]]));
  const { stackName, tags, teams, config } = parseText(rest, CreateStackRequest);
  if (teams !== undefined && teams !== null && teams.length > 0) {
    throw new SlipwayError("option_not_supported", "Slipway has no teams.", {
      remedy: "Leave out --teams, and give people a role in the organisation.",
    });
  }
  if (config !== undefined && config !== null) {
    throw new SlipwayError(
      "option_not_supported",
      "Slipway does not keep a stack's config in an ESC environment.",
      {
        remedy: "Leave out --remote-config.",
      },
    );
  }
  return { stack: stackName, tags: tags ?? {}, state: isAbsent(state) ? null : rawText(state) };
}

/** Makes a stack, and its project when that is new. Throws SlipwayError `already_exists`, `not_found`, `forbidden`. */
export async function createStack(dependencies: StateApiDependencies, stack: NewStack): Promise<void> {
  const { db, keyring } = dependencies;
  const { organisation, project, actor, request, state } = stack;
  const name = { organisation, project, stack: stack.stack };
  allowIn(actor, "stack.create", organisation);
  const checked = state === null ? null : await readImport(dependencies, null, state);
  await withTransaction(db, async (trx) => {
    const { id: projectId } = await findOrMakeProject(trx, stack);
    const stackId = await insertStack(trx, {
      id: randomUUID(),
      projectId,
      name: stack.stack,
      tags: stack.tags,
    });
    if (stackId === undefined) {
      // The CLI looks for these two words.
      throw new SlipwayError(
        "already_exists",
        `The stack ${organisation}/${project}/${stack.stack} already exists.`,
        {
          remedy: "Select it: pulumi stack select.",
        },
      );
    }
    await auditStack(trx, { actor, request, stack: name }, "stack.created", { tags: stack.tags });
    if (checked === null) return;
    await lockWriter(trx, stackId);
    const put = await putState(trx, keyring, {
      stackId,
      ...checked,
      kind: "import",
      principal: actor.id,
      message: null,
      client: clientOf(request),
    });
    await auditStack(trx, { actor, request, stack: name }, "state.imported", {
      update: put.number,
      resources: checked.resourceCount,
    });
  });
}

/** The project's row, locked, so that it is not removed before the stack is in it. */
export async function findOrMakeProject(
  trx: Transaction,
  { organisation, project, actor, request }: Pick<NewStack, "organisation" | "project" | "actor" | "request">,
): Promise<Project> {
  if (!(await organisationExists(trx, organisation))) {
    throw new SlipwayError("not_found", `There is no organisation ${organisation}.`, {
      remedy: "pulumi whoami --verbose lists yours.",
    });
  }
  const known = await lockProject(trx, organisation, project);
  if (known !== undefined) return known;
  allowIn(actor, "project.create", organisation);
  const made = await insertProject(trx, { id: randomUUID(), organisation, name: project, folder: null });
  if (made === undefined) {
    const meanwhile = await lockProject(trx, organisation, project);
    if (meanwhile !== undefined) return meanwhile;
    throw new SlipwayError("conflict", `The project ${organisation}/${project} was removed at this moment.`, {
      remedy: "Run the command again.",
    });
  }
  await appendAudit(trx, {
    principal: actor.id,
    action: "project.created",
    organisation,
    subject: `${organisation}/${project}`,
    details: { folder: null },
    requestId: request.id,
  });
  return made;
}
