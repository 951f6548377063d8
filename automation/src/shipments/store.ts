import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { z } from "zod";
import { AwsManifest } from "../contract/aws/manifest.ts";
import { Shipment } from "../contract/aws/shipment.ts";
import type { ValidationReport } from "../contract/aws/validation.ts";
import type { ReleaseShipment } from "../contract/release-shipment.ts";
import { ShippedPart } from "../contract/release-shipment.ts";
import type { Database, Transaction } from "../database.ts";

/** What is recorded of a shipment. */
export interface NewShipment {
  stackId: string;
  deploymentId: string;
  releaseId: string;
  /** The id of the release whose versions serve again; null: they were made for this one. */
  restoredFrom: string | null;
  manifest: AwsManifest;
  shipment: Shipment;
  parts: readonly ShippedPart[];
}

/** A shipment with the manifest that it was made by. */
export interface KeptShipment {
  id: string;
  releaseId: string;
  manifest: AwsManifest;
  shipment: Shipment;
  shippedAt: string;
}

/** Records a shipment, and that it is what serves from now on. */
export async function recordShipment(trx: Transaction, made: NewShipment): Promise<void> {
  const id = randomUUID();
  const { stackId, deploymentId, releaseId, restoredFrom, manifest, shipment, parts } = made;
  await sql`
    insert into shipments (id, stack_id, deployment_id, release_id, restored_from, manifest, shipment, parts)
    values (${id}, ${stackId}, ${deploymentId}, ${releaseId}, ${restoredFrom}, ${JSON.stringify(manifest)},
      ${JSON.stringify(shipment)}, ${JSON.stringify(parts)})
  `.execute(trx);
  await sql`
    insert into stack_pins (stack_id, shipment_id) values (${stackId}, ${id})
    on conflict (stack_id) do update set shipment_id = excluded.shipment_id, pinned_at = now()
  `.execute(trx);
}

/** What serves on a stack by the record; undefined when nothing was ever shipped. */
export function servingShipment(db: Database, stackId: string): Promise<KeptShipment | undefined> {
  return one(db, sql`s.id = (select shipment_id from stack_pins where stack_id = ${stackId})`);
}

/** What a release of a stack put in place; undefined when it was no release on AWS, or was never shipped. */
export function shipmentOf(db: Database, releaseId: string): Promise<KeptShipment | undefined> {
  return one(db, sql`s.release_id = ${releaseId}`);
}

/** The digests of the artifacts whose functions and site serve on a stack, by their service; undefined when nothing was ever shipped. */
export async function servingArtifacts(
  db: Database,
  stackId: string,
): Promise<ReadonlyMap<string, string> | undefined> {
  const { rows } = await sql<{ name: string | null; digest: string | null }>`
    select a.name, a.digest from stack_pins p join shipments s on s.id = p.shipment_id
    left join release_artifacts a on a.release_id = s.release_id
    where p.stack_id = ${stackId}
  `.execute(db);
  if (rows.length === 0) return undefined;
  return new Map(
    rows.flatMap(({ name, digest }) => (name === null || digest === null ? [] : [[name, digest]])),
  );
}

const Row = z.object({
  id: z.string(),
  releaseId: z.string(),
  manifest: AwsManifest,
  shipment: Shipment,
  shippedAt: z.date(),
});

async function one(db: Database, where: ReturnType<typeof sql>): Promise<KeptShipment | undefined> {
  const { rows } = await sql`
    select s.id, s.release_id as "releaseId", s.manifest, s.shipment, s.shipped_at as "shippedAt"
    from shipments s where ${where}
  `.execute(db);
  if (rows[0] === undefined) return undefined;
  const row = Row.parse(rows[0]);
  return { ...row, shippedAt: row.shippedAt.toISOString() };
}

const ShownRow = z.object({
  release: z.int(),
  deploymentId: z.string(),
  restoredFrom: z.int().nullable(),
  serves: z.boolean(),
  shippedAt: z.date(),
  shipment: Shipment,
  parts: z.array(ShippedPart),
});

/** The shipment of a release by its number, as people are shown it. */
export async function showShipment(
  db: Database,
  stackId: string,
  number: number,
): Promise<ReleaseShipment | undefined> {
  const { rows } = await sql`
    select r.number as release, s.deployment_id as "deploymentId", o.number as "restoredFrom",
      exists (select 1 from stack_pins p where p.shipment_id = s.id) as serves,
      s.shipped_at as "shippedAt", s.shipment, s.parts
    from shipments s join releases r on r.id = s.release_id left join releases o on o.id = s.restored_from
    where r.stack_id = ${stackId} and r.number = ${number}
  `.execute(db);
  if (rows[0] === undefined) return undefined;
  const { shipment, shippedAt, ...row } = ShownRow.parse(rows[0]);
  const { functions, site } = shipment;
  return { ...row, functions, site, shippedAt: shippedAt.toISOString() };
}

/** Keeps what a gate that validates has found. */
export async function recordValidation(
  trx: Transaction,
  found: { stackId: string; deploymentId: string; attempt: number; gate: string; report: ValidationReport },
): Promise<void> {
  const { stackId, deploymentId, attempt, gate, report } = found;
  await trx
    .insertInto("validation_reports")
    .values({ stack_id: stackId, deployment_id: deploymentId, attempt, gate, report: JSON.stringify(report) })
    .execute();
}
