import type { FastifyInstance } from "fastify";
import { refuseUnapproved } from "../../approvals/refuse.ts";
import { subjectOf } from "../../audit/subject.ts";
import type { Transaction } from "../../database.ts";
import { withTransaction } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import { referStack } from "../../stacks/store.ts";
import { putState } from "../put-state.ts";
import { currentState } from "../states-store.ts";
import { runWork } from "../threads/pool.ts";
import { auditStack, clientOf } from "./audit.ts";
import { parseBody } from "./bodies.ts";
import { lockFreeStack } from "./context.ts";
import { findOrMakeProject } from "./create-stack.ts";
import type { StateApiDependencies } from "./dependencies.ts";
import type { StackCall } from "./route.ts";
import { stackRoute } from "./route.ts";
import { renameStackRow } from "./stacks-store.ts";
import { RenameStackRequest } from "./wire.ts";

/** `pulumi stack rename`, also into another project. */
export function renameRoutes(api: FastifyInstance, dependencies: StateApiDependencies): void {
  stackRoute(
    api,
    dependencies.db,
    { method: "POST", path: "/rename", needs: "stack.configure" },
    async (call) => {
      const { newName, newProject } = parseBody(call.request, RenameStackRequest);
      const { name } = call.stack;
      const to = { ...name, project: newProject || name.project, stack: newName || name.stack };
      if (subjectOf(to) === subjectOf(name)) return null;
      await withTransaction(dependencies.db, (trx) => renameStack(trx, dependencies, call, to));
      return null;
    },
  );
}

/**
 * Renames a stack that nobody writes to, with everything that carries its name: the URNs of its state, and the name under which the CLI asks for its secrets. The old
 * name stays an alias for those, since config files and older states hold it.
 */
async function renameStack(
  trx: Transaction,
  { keyring }: Pick<StateApiDependencies, "keyring">,
  { stack, actor, request }: StackCall,
  to: StackCall["stack"]["name"],
): Promise<void> {
  const { stackId, name: from } = stack;
  await refuseUnapproved(trx, stackId, "A rename");
  await lockFreeStack(trx, stack);
  const project = await findOrMakeProject(trx, { ...to, actor, request });
  if ((await referStack(trx, to)) !== undefined) {
    throw new SlipwayError("already_exists", `The stack ${subjectOf(to)} already exists.`, {
      remedy: "Choose another name.",
    });
  }
  await renameStackRow(trx, { stackId, from, to, projectId: project.id });
  const state = await currentState(trx, keyring, stackId);
  if (state !== null) {
    const { text, resourceCount } = state;
    await putState(trx, keyring, {
      stackId,
      text: await runWork("rename", { text, from, to }, text.length),
      resourceCount,
      kind: "edit",
      principal: actor.id,
      message: `Renamed from ${subjectOf(from)}`,
      client: clientOf(request),
    });
  }
  const details = { from: subjectOf(from), to: subjectOf(to) };
  await auditStack(trx, { actor, request, stack: from }, "stack.renamed", details);
  // Whoever looks under the new name finds it too.
  await auditStack(trx, { actor, request, stack: to }, "stack.renamed", details);
}
