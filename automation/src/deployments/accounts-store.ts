import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import type { AccountedResource } from "../contract/deployments.ts";
import type { Database, Transaction } from "../database.ts";
import type { Account, AccountSummary, StoredPending } from "./account-rules.ts";
import { countsOf, namesOf } from "./account-rules.ts";

const pack = promisify(gzip);
const unpack = promisify(gunzip);

/** As it is stored: the names are in the URN. */
type Packed = [
  urn: string,
  operation: AccountedResource["operation"],
  outcome: AccountedResource["outcome"],
  detail: string | null,
];

/** Keeps the account of a deployment that ends; a second one, of a later attempt, takes its place. */
export async function insertAccount(
  trx: Transaction,
  deploymentId: string,
  account: Account,
  pendingCreates: readonly StoredPending[],
): Promise<void> {
  const packed: Packed[] = account.resources.map(({ urn, operation, outcome, detail }) => [
    urn,
    operation,
    outcome,
    detail,
  ]);
  const { done, notDone, unknown } = countsOf(account);
  const values = {
    done,
    not_done: notDone,
    unknown,
    planned: account.planned,
    pending_creates: JSON.stringify(pendingCreates),
    body: await pack(JSON.stringify(packed)),
  };
  await trx
    .insertInto("deployment_accounts")
    .values({ deployment_id: deploymentId, ...values })
    .onConflict((conflict) => conflict.column("deployment_id").doUpdateSet(values))
    .execute();
}

/** The counts of a deployment's account; undefined when it has none. */
export async function findAccount(db: Database, deploymentId: string): Promise<AccountSummary | undefined> {
  const row = await db
    .selectFrom("deployment_accounts")
    .select(["done", "not_done", "unknown", "planned", "pending_creates"])
    .where("deployment_id", "=", deploymentId)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  const { not_done: notDone, pending_creates: pendingCreates, ...rest } = row;
  return { ...rest, notDone, pendingCreates };
}

/** What became of each resource, the unknown ones first; empty when the deployment has no account. */
export async function readAccount(db: Database, deploymentId: string): Promise<AccountedResource[]> {
  const row = await db
    .selectFrom("deployment_accounts")
    .select("body")
    .where("deployment_id", "=", deploymentId)
    .executeTakeFirst();
  if (row === undefined) return [];
  const packed = JSON.parse((await unpack(row.body)).toString("utf8")) as Packed[];
  return packed.map(([urn, operation, outcome, detail]) => ({ ...namesOf(urn), operation, outcome, detail }));
}
