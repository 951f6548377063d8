import type { FastifyInstance } from "fastify";
import { knownGroups } from "../access/groups-store.ts";
import { missing } from "../access/missing.ts";
import { appendAudit } from "../audit/store.ts";
import type { StackRules, StackRulesVersion } from "../contract/approvals.ts";
import { endpoints } from "../contract/endpoints.ts";
import type { Database, Transaction } from "../database.ts";
import { withTransaction } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { serve } from "../http/endpoint.ts";
import { endStaleDeployments } from "../seals/stale.ts";
import type { Keyring } from "../secrets/keyring.ts";
import { found } from "../stacks/routes.ts";
import type { StackName } from "../stacks/store.ts";
import { referStack } from "../stacks/store.ts";
import { unfulfillable } from "./matching.ts";
import { membersOf } from "./people.ts";
import type { Guard } from "./rule-sets-store.ts";
import { insertRules, isProtected, readGuard } from "./rule-sets-store.ts";

/** Routes of what a stack asks for before it is changed. */
export function ruleRoutes(app: FastifyInstance, { db, keyring }: { db: Database; keyring: Keyring }): void {
  serve(app, endpoints.getStackRules, async ({ params, query }) => {
    const stack = found(await referStack(db, params), params);
    return shown(await foundGuard(db, stack.id, params, query.version));
  });

  serve(app, endpoints.setStackRules, async ({ params, body, caller, actor }) =>
    withTransaction(db, async (trx) => {
      const stack = found(await referStack(trx, params, { lock: true }), params);
      const before = await foundGuard(trx, stack.id, params);
      const { basedOn, ...rules } = body;
      if (basedOn !== undefined && basedOn !== before.version) {
        throw new SlipwayError(
          "conflict",
          `The rules are at version ${before.version} and no more at ${basedOn}.`,
          {
            remedy: "Read them again, and make the change from there: slipway rules show.",
          },
        );
      }
      checkNames(rules);
      await checkGroups(trx, params.organisation, rules);
      await checkFulfillable(trx, before, rules, actor.id);
      const version = await insertRules(trx, { stackId: stack.id, rules, createdBy: caller.principal });
      await appendAudit(trx, {
        ...caller,
        action: "approval_rules.set",
        organisation: params.organisation,
        subject: `${params.organisation}/${params.project}/${params.stack}`,
        details: { version, rules },
      });
      // The seal names the version: what was voted about was asked for by other rules.
      await endStaleDeployments(trx, keyring, stack.id, caller.principal);
      return shown(await foundGuard(trx, stack.id, params));
    }),
  );
}

async function foundGuard(db: Database, stackId: string, name: StackName, version?: number): Promise<Guard> {
  const guard = await readGuard(db, stackId, version);
  if (guard !== undefined) return guard;
  if (version === undefined) throw missing.stack(name);
  throw new SlipwayError("not_found", `The stack has no version ${version} of its rules.`, {
    remedy: "Leave the version out for the rules in force.",
  });
}

function shown(guard: Guard): StackRulesVersion {
  const { version, production, setAt, setBy, rules } = guard;
  return {
    ...rules,
    version,
    production,
    cliUpdates: isProtected(guard) ? "preview-only" : "allowed",
    setAt: setAt?.toISOString() ?? null,
    setBy,
  };
}

function checkNames({ rules }: StackRules): void {
  const names = rules.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice < 0) return;
  const message = `another rule is called '${names[twice]}' too`;
  throw new SlipwayError("invalid_request", `body.rules.${twice}.name: ${message}.`, {
    details: { issues: [{ path: `body.rules.${twice}.name`, message }] },
  });
}

/** A group that is not there would be one that nobody is in. */
async function checkGroups(
  trx: Transaction,
  organisation: string,
  { rules, emergency }: StackRules,
): Promise<void> {
  const named = [...new Set([...rules.flatMap(({ from }) => from), ...emergency])];
  const known = await knownGroups(trx, organisation, named);
  const unknown = named.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new SlipwayError("not_found", `${organisation} has no group ${unknown.join(", ")}.`, {
    remedy: "slipway groups list shows them; slipway groups create makes one.",
  });
}

async function checkFulfillable(
  trx: Transaction,
  guard: Guard,
  { rules }: StackRules,
  setter: string,
): Promise<void> {
  const members = await membersOf(trx, guard.organisation, rules);
  const others = new Map(
    [...members].map(([name, people]) => [name, new Set([...people].filter((person) => person !== setter))]),
  );
  const why = unfulfillable(rules, {
    membersOf: ({ name }) => others.get(name) ?? new Set<string>(),
    onePersonOneRule: guard.production,
  });
  if (why === null) return;
  throw new SlipwayError("rules_lock_out", why, {
    remedy:
      "Add people to the groups first (slipway groups add), or ask for fewer. Whoever sets rules has a part in every change until the next good release.",
  });
}
