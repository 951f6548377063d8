import { randomBytes, randomUUID } from "node:crypto";
import { sql } from "kysely";
import type { PlannedStep } from "../automation/src/contract/previews.ts";
import type { Database } from "../automation/src/database.ts";
import { appendEvents } from "../automation/src/deployments/events-store.ts";
import { capSteps } from "../automation/src/seals/cap-steps.ts";
import type { Keyring } from "../automation/src/secrets/keyring.ts";
import { runWork } from "../automation/src/state/threads/pool.ts";

const PROJECT = "bench-page";
const STACK = "large";
/** Of every so many resources one is of each kind; the rest stays as it is. */
const OPERATIONS = [
  "update",
  "update",
  "create",
  "replace",
  "same",
  "same",
  "delete",
  "update",
  "same",
  "same",
];
const EVENTS_AT_ONCE = 1_000;
const CHILDREN = 25;
const LONG_WORDS = 40;

/** Steps as a program of networks, machines and their policies has them: children of components, each with what it needs among those before it. */
export function largePreview(count: number): PlannedStep[] {
  const urn = (index: number) => `urn:pulumi:${STACK}::${PROJECT}::${typeOf(index)}::resource-${index}`;
  return Array.from({ length: count }, (_, index): PlannedStep => {
    const operation = OPERATIONS[index % OPERATIONS.length] ?? "same";
    const parent = index - (index % CHILDREN);
    const needs = [index - 1, index - 7, Math.floor(index / 2)].filter((one) => one > 0 && one < index);
    return {
      urn: urn(index),
      type: typeOf(index),
      name: `resource-${index}`,
      operation,
      provider: `urn:pulumi:${STACK}::${PROJECT}::pulumi:providers:bench::default::${index % 3}`,
      parent: parent === index ? null : urn(parent),
      dependencies: index % 3 === 0 ? needs.slice(0, 1).map(urn) : needs.slice(1).map(urn),
      protect: index % 100 === 7,
      changes: operation === "same" ? [] : changesOf(index, operation),
    };
  });
}

function typeOf(index: number): string {
  return index % CHILDREN === 0 ? "bench:index:Group" : `bench:part${index % 7}/machine:Machine`;
}

function changesOf(index: number, operation: string): PlannedStep["changes"] {
  const kind = operation === "create" ? "add" : operation === "delete" ? "delete" : "update";
  const policy = (actions: string[]) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }],
    });
  return [
    { path: "size", kind, replaces: operation === "replace", before: index, after: index + 1, known: true },
    { path: "tags.owner", kind, replaces: false, before: "harbour", after: "dock", known: true },
    {
      path: "policy",
      kind,
      replaces: false,
      before: policy(["read"]),
      after: policy(["read", "write"]),
      known: true,
    },
    { path: "password", kind, replaces: false, before: "[secret]", after: "[secret]", known: true },
    { path: "address", kind, replaces: false, before: "10.0.0.1", after: null, known: false },
    {
      path: "note",
      kind,
      replaces: false,
      before: "a word ".repeat(LONG_WORDS),
      after: `another ${"word ".repeat(LONG_WORDS)}`,
      known: true,
    },
  ];
}

/** Puts a deployment that was previewed, with the events of its preview, into the database of an installation, and answers its id. Nothing of it is to be run. */
export async function insertPreviewed(
  db: Database,
  keyring: Keyring,
  steps: readonly PlannedStep[],
): Promise<string> {
  const stackId = randomUUID();
  const id = randomUUID();
  await sql`
    with p as (
      insert into projects (id, organisation, name) values (${randomUUID()}, 'default', ${PROJECT}) returning id
    )
    insert into stacks (id, project_id, name, next_deployment) select ${stackId}, p.id, ${STACK}, 2 from p
  `.execute(db);
  const counts: Record<string, number> = {};
  for (const { operation } of steps) counts[operation] = (counts[operation] ?? 0) + 1;
  await sql`
    insert into deployments (id, stack_id, number, operation, status, message, requested_by, config_digest, requested_at, started_at, finished_at, changes)
    values (${id}, ${stackId}, 1, 'preview', 'succeeded', 'as large as a stack gets', 'owner',
      ${`hmac-sha256:${randomBytes(32).toString("hex")}`}, now(), now(), now(), ${JSON.stringify(counts)})
  `.execute(db);
  const worker = randomUUID();
  await sql`insert into workers (id, host) values (${worker}, 'bench')`.execute(db);
  await sql`
    insert into attempts (id, deployment_id, number, worker_id, epoch, status, finished_at)
    values (${randomUUID()}, ${id}, 1, ${worker}, 1, 'succeeded', now())
  `.execute(db);
  const { text, truncated } = capSteps(steps);
  const key = await keyring.newest(db, stackId);
  const { body } = await runWork("seal", { key, purpose: "seal", text }, text.length);
  await sql`
    insert into deployment_previews (deployment_id, attempt, counts, step_count, truncated, body)
    values (${id}, 1, ${JSON.stringify(counts)}, ${steps.length}, ${truncated}, ${body})
  `.execute(db);
  const at = new Date().toISOString();
  for (let from = 0; from < steps.length; from += EVENTS_AT_ONCE) {
    const events = steps.slice(from, from + EVENTS_AT_ONCE).map((step) => ({
      at,
      body: {
        type: "resource" as const,
        step: "preview",
        urn: step.urn,
        resourceType: step.type,
        name: step.name,
        operation: step.operation,
        state: "planned" as const,
        changedProperties: step.changes.map(({ path }) => path),
      },
    }));
    await appendEvents(db, { deploymentId: id, attempt: 1, fence: null }, events);
  }
  await appendEvents(db, { deploymentId: id, attempt: 1, fence: null }, [
    { at, body: { type: "status", status: "succeeded", detail: null } },
  ]);
  return id;
}
