import type { FastifyInstance } from "fastify";
import type { ContentStore } from "../artifacts/content-store.ts";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { Clock } from "../clock.ts";
import type { Endpoint } from "../contract/endpoint.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { SecretVersions } from "../contract/secret-versions.ts";
import { SECRETS_EPOCH_KEY } from "../contract/secret-versions.ts";
import type { Database } from "../database.ts";
import { withTransaction } from "../database.ts";
import { queueDeployment } from "../deployments/request.ts";
import { recordTraceParent } from "../deployments/store.ts";
import type { HintSender } from "../dispatch/hints.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { changeOnce } from "../http/idempotency.ts";
import { endStaleDeployments } from "../seals/stale.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { putConfig, readStoredConfig } from "../stacks/config-store.ts";
import { found } from "../stacks/routes.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import { runningSource } from "./refresh-source.ts";
import { checkOwnSecrets, epochOf, slotStates } from "./rules.ts";
import * as store from "./store.ts";

interface Dependencies {
  db: Database;
  keyring: Keyring;
  artifacts: ContentStore;
  clock: Clock;
  hints: HintSender;
}

/** Routes of the secrets that stacks on AWS need. No value of one ever comes here. */
export function secretVersionRoutes(app: FastifyInstance, dependencies: Dependencies): void {
  const { db, keyring } = dependencies;

  serve(app, endpoints.listSecretVersions, async ({ params }) => {
    const stack = found(await referStack(db, params), params);
    return shown(db, stack.id);
  });

  serve(app, endpoints.recordSecretVersions, ({ params, body, caller }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const newest = await store.newestSecrets(trx, stack.id);
      if (newest === undefined) throw noSecrets(params);
      checkOwnSecrets(newest.arns, body.versions);
      const audit = (action: string, details: Readonly<Record<string, unknown>>) =>
        appendAudit(trx, {
          ...caller,
          action,
          organisation: params.organisation,
          subject: subjectOf(params),
          details,
        });
      let isNew = false;
      for (const version of body.versions) {
        if (!(await store.insertVersion(trx, stack.id, version, caller.principal))) continue;
        isNew = true;
        await audit("secret.put", { ...version });
      }
      if (isNew) {
        const value = epochOf(await store.newestVersions(trx, stack.id));
        await putConfig(
          trx,
          stack.id,
          SECRETS_EPOCH_KEY,
          { secret: false, value, ciphertext: null },
          caller.principal,
        );
        await audit("config.set", { key: SECRETS_EPOCH_KEY, secret: false });
        await endStaleDeployments(trx, keyring, stack.id, caller.principal);
      }
      return shown(trx, stack.id);
    }),
  );

  serve(app, endpoints.refreshSecrets, (call) => {
    const { params, caller, actor } = call;
    return changeOnce(db, endpoints.refreshSecrets satisfies Endpoint, call, {
      prepare: async () => {
        const stack = found(await referStack(db, params), params);
        if ((await store.newestSecrets(db, stack.id)) === undefined) throw noSecrets(params);
        return runningSource(dependencies, { id: stack.id, name: params.stack });
      },
      apply: async (trx, { source, promotion }) => {
        const stack = found(await referStack(trx, params, { lock: true }), params);
        const deployment = await queueDeployment(trx, dependencies, {
          stackId: stack.id,
          name: params,
          body: { operation: "update", options: {}, message: "Have functions read the newest secrets" },
          source,
          promotion,
          actor,
          caller,
        });
        if (call.request.traceParent !== null)
          await recordTraceParent(trx, deployment.id, call.request.traceParent);
        return { body: deployment, location: `/v1/deployments/${deployment.id}` };
      },
    });
  });
}

async function shown(db: Database, stackId: string): Promise<SecretVersions> {
  const newest = await store.newestSecrets(db, stackId);
  const epoch = (await readStoredConfig(db, stackId))[SECRETS_EPOCH_KEY];
  return {
    release: newest?.release ?? null,
    epoch: epoch?.secret === false ? epoch.value : null,
    items: slotStates(newest?.arns ?? {}, await store.newestVersions(db, stackId)),
  };
}

function noSecrets(stack: StackName): SlipwayError {
  return new SlipwayError(
    "release_not_found",
    `${subjectOf(stack)} has no release on AWS, and so no secrets.`,
    {
      remedy: `Deploy it first: slipway deploy --stack ${stack.project}/${stack.stack}.`,
    },
  );
}
