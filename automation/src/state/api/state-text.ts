import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import { noteExport } from "../../access/exports.ts";
import { refuseUnapproved } from "../../approvals/refuse.ts";
import { withTransaction } from "../../database.ts";
import { SlipwayError } from "../../errors.ts";
import { refuseUnpromotedState } from "../../promotions/refuse.ts";
import { endStaleDeployments } from "../../seals/stale.ts";
import { putState, readImport } from "../put-state.ts";
import { currentState, stateByNumber } from "../states-store.ts";
import { runWork } from "../threads/pool.ts";
import { auditStack, clientOf, commandOf } from "./audit.ts";
import { bodyText, checkForm, STATE_BODY_BYTES } from "./bodies.ts";
import { lockFreeStack } from "./context.ts";
import type { StateApiDependencies } from "./dependencies.ts";
import { hasRunningUpdate, stateNumberOfUpdate } from "./exports-store.ts";
import { addressOf, sealedAt } from "./own-address.ts";
import { type StackCall, stackRoute } from "./route.ts";

/** What a stack that was never updated exports. The oldest form that all supported CLIs take. */
export const EMPTY_STATE = '{"version":3,"deployment":null}';

const VersionParams = z.object({ version: z.coerce.number().int().min(1).max(2_147_483_647) });

/** Export and import of whole states. Their text is passed on byte for byte, but for the address of this server in it. */
export function stateTextRoutes(api: FastifyInstance, dependencies: StateApiDependencies): void {
  const { db, keyring } = dependencies;

  stackRoute(api, db, { method: "GET", path: "/export", needs: "stack.export" }, async (call) => {
    const state = await currentState(db, keyring, call.stack.stackId);
    await tellExport(dependencies, call, state?.number ?? null);
    return sendState(dependencies, call, state?.text ?? EMPTY_STATE);
  });

  stackRoute(api, db, { method: "GET", path: "/export/:version", needs: "stack.export" }, async (call) => {
    const { version } = checkForm(call.request.params, VersionParams, "address");
    const { stackId } = call.stack;
    const found = await stateNumberOfUpdate(db, stackId, version);
    if (found === undefined) {
      throw new SlipwayError("not_found", `The stack has no version ${version}.`, {
        remedy: "pulumi stack history lists them.",
      });
    }
    const state = found.number === null ? null : await stateByNumber(db, keyring, stackId, found.number);
    await tellExport(dependencies, call, state?.number ?? null);
    return sendState(dependencies, call, state?.text ?? EMPTY_STATE);
  });

  stackRoute(
    api,
    db,
    { method: "POST", path: "/import", needs: "stack.update", bodyLimitBytes: STATE_BODY_BYTES },
    async ({ stack, actor, request }) => {
      const text = bodyText(request);
      const { resourceCount } = await readImport(dependencies, stack.stackId, text);
      const kind = commandOf(request) === "stack-import" ? "import" : "edit";
      const { updateId } = await withTransaction(db, async (trx) => {
        await refuseUnapproved(
          trx,
          stack.stackId,
          kind === "import" ? "An import of a state" : "An edit of the state",
        );
        await lockFreeStack(trx, stack);
        if (kind === "import") await refuseUnpromotedState(trx, stack.stackId);
        const put = await putState(trx, keyring, {
          stackId: stack.stackId,
          text,
          resourceCount,
          kind,
          principal: actor.id,
          message: null,
          client: clientOf(request),
        });
        await auditStack(trx, { actor, request, stack: stack.name }, "state.imported", {
          update: put.number,
          resources: resourceCount,
        });
        await endStaleDeployments(trx, keyring, stack.stackId, actor.id);
        return put;
      });
      return { updateId };
    },
  );
}

/** An engine that runs an update reads its base state; every other read of a whole state is an entry, of a program that refers to the stack once a day. */
async function tellExport(
  { db }: StateApiDependencies,
  { stack, actor, request }: StackCall,
  state: number | null,
): Promise<void> {
  const client = request.headers["user-agent"];
  if (await noteExport(db, { actor, stackId: stack.stackId, client, requestId: request.id })) return;
  if (await hasRunningUpdate(db, stack.stackId, actor.id)) return;
  await withTransaction(db, (trx) =>
    auditStack(trx, { actor, request, stack: stack.name }, "state.exported", { state }),
  );
}

/** An attempt gets the outputs alone of a stack that is not its own: that is what was allowed. */
async function sendState(
  { hosts }: StateApiDependencies,
  { actor, stack, request, reply }: StackCall,
  stored: string,
): Promise<FastifyReply> {
  const state = sealedAt(stored, addressOf(request, hosts));
  const isReader = actor.attempt !== null && actor.attempt.stackId !== stack.stackId;
  const text = isReader ? await runWork("outputsOnly", { text: state }, state.length) : state;
  return reply.type("application/json; charset=utf-8").send(text);
}
