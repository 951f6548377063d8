import { existsSync, readdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { fetchState } from "../../automation/src/cli/state/server-state.ts";
import type { Bed } from "./bed.ts";
import { effectsOf, overlapsIn, repeatedIn, unfinishedIn } from "./ledger.ts";
import { processesOf, processTable, treeOf } from "./processes.ts";
import type { WitnessProject } from "./project.ts";

/** Something that must not be. `rule`: the one of the reliability page that it breaks. */
export interface Violation {
  rule: `N${number}`;
  detail: string;
}

/** What a client was told: each entry must be in the database for ever. */
export interface Acknowledged {
  deployments: { id: string; key: string }[];
  projects: string[];
}

const violation = (rule: Violation["rule"], detail: string): Violation => ({ rule, detail });

/** N1: what was acknowledged is there, and one key made one deployment. */
export async function acknowledgedIsThere(bed: Bed, acknowledged: Acknowledged): Promise<Violation[]> {
  const rows = await bed.rows<{ id: string }>("select id from deployments");
  const ids = new Set(rows.map(({ id }) => id));
  const keys = await bed.rows<{ key: string; n: number }>(
    "select key, count(*)::integer as n from idempotency_keys group by key",
  );
  const stored = new Map(keys.map(({ key, n }) => [key, n]));
  const projects = await bed.rows<{ name: string }>("select name from projects where removed_at is null");
  const names = new Set(projects.map(({ name }) => name));
  return [
    ...acknowledged.deployments
      .filter(({ id }) => !ids.has(id))
      .map(({ id }) => violation("N1", `deployment ${id} was acknowledged and is not there`)),
    ...acknowledged.deployments
      .filter(({ key }) => stored.get(key) !== 1)
      .map(({ key }) => violation("N1", `the key ${key} is recorded ${stored.get(key) ?? 0} times`)),
    ...acknowledged.projects
      .filter((name) => !names.has(name))
      .map((name) => violation("N1", `project ${name} was acknowledged and is not there`)),
  ];
}

/** N1, the other side: a project of a trial has as many deployments as were asked for. */
export async function askedOnce(bed: Bed, project: WitnessProject, asked: number): Promise<Violation[]> {
  const rows = await bed.rows(
    "select d.id from deployments d join stacks s on s.id = d.stack_id join projects p on p.id = s.project_id where p.name = $1 and d.cause = 'request'",
    [project.name],
  );
  return rows.length === asked
    ? []
    : [violation("N1", `${asked} deployments were asked for, ${rows.length} are there`)];
}

/** N2: every change has an audit entry in its own transaction, and every entry of a deployment's move has the move. */
export async function changesAreAudited(bed: Bed): Promise<Violation[]> {
  const unaudited = await bed.rows<{ kind: string; op: string; key: string; moved: string }>(`
    select c.kind, c.op, c.key, coalesce(c.old_status, '') || ' to ' || coalesce(c.new_status, '') as moved
    from faults.changes c
    where c.kind <> 'audit_entries'
      and not (c.kind = 'updates' and c.old_status is null)
      and not exists (select 1 from faults.changes a where a.xid = c.xid and a.kind = 'audit_entries')
  `);
  const unmoved = await bed.rows<{ moved: string }>(`
    select c.new_status as moved from faults.changes c
    where c.kind = 'audit_entries'
      and c.new_status in ('deployment.requested', 'deployment.claimed', 'deployment.succeeded', 'deployment.failed', 'deployment.cancelled',
        'deployment.interrupted', 'deployment.requeued', 'release.recorded')
      and not exists (select 1 from faults.changes d where d.xid = c.xid and d.kind in ('deployments', 'releases'))
  `);
  return [
    ...unaudited.map(({ kind, op, key, moved }) =>
      violation("N2", `${op} of ${kind} ${key} (${moved}) has no audit entry in its transaction`),
    ),
    ...unmoved.map(({ moved }) => violation("N2", `an entry ${moved} has no change in its transaction`)),
  ];
}

/** N4: nothing that is not at its end is without somebody who works at it. Asked when all is quiet. */
export async function nothingIsStranded(bed: Bed): Promise<Violation[]> {
  const rows = await bed.rows<{ id: string; status: string; age: number }>(`
    select d.id, d.status, extract(epoch from now() - coalesce(w.expires_at, d.started_at, d.requested_at))::integer as age
    from deployments d left join stack_writers w on w.stack_id = d.stack_id
    where d.finished_at is null and (w.expires_at is null or w.expires_at <= now())
  `);
  const attempts = await bed.rows<{ id: string }>(`
    select a.id from attempts a join deployments d on d.id = a.deployment_id
    where a.status in ('claimed', 'running') and d.finished_at is not null
  `);
  return [
    ...rows.map(({ id, status, age }) =>
      violation("N4", `deployment ${id} is ${status} and nobody has worked at it for ${age} s`),
    ),
    ...attempts.map(({ id }) => violation("N4", `attempt ${id} is live, its deployment has ended`)),
  ];
}

/** N5: one writer at a time, and no line of a journal after the right to write had moved on. */
export async function oneWriterAtATime(bed: Bed, project: WitnessProject): Promise<Violation[]> {
  const late = await bed.rows<{ id: string }>(
    "select distinct b.update_id as id from journal_batches b join updates u on u.id = b.update_id where b.received_at > u.finished_at",
  );
  return [
    ...overlapsIn(project.lines()).map((overlap) => violation("N5", overlap)),
    ...late.map(({ id }) => violation("N5", `update ${id} was written to after its end`)),
  ];
}

/** N6: an attempt runs its update once, and a deployment has one attempt that does. */
export async function ranOnce(bed: Bed, project: WitnessProject): Promise<Violation[]> {
  const updates = await bed.rows<{ id: string; n: number }>(`
    select deployment_id as id, count(*)::integer as n from updates
    where not dry_run and kind = 'update' and number is not null and deployment_id is not null
    group by deployment_id having count(*) > 1
  `);
  const programs = new Map<string, number>();
  for (const { kind, operation, name } of project.lines()) {
    if (kind === "program" && operation === "update") programs.set(name, (programs.get(name) ?? 0) + 1);
  }
  return [
    ...updates.map(({ id, n }) => violation("N6", `deployment ${id} ran ${n} updates`)),
    ...[...programs]
      .filter(([, n]) => n > 1)
      .map(([folder, n]) => violation("N6", `the program of one attempt ran ${n} times (${folder})`)),
    ...repeatedIn(project.lines())
      .filter((what) => !what.includes("(after)"))
      .map((what) => violation("N6", `begun twice: ${what}`)),
  ];
}

const State = z.object({
  deployment: z
    .object({
      resources: z
        .array(
          z.object({
            urn: z.string(),
            type: z.string(),
            inputs: z.object({ name: z.string().optional(), text: z.string().optional() }).optional(),
          }),
        )
        .optional(),
      pending_operations: z.array(z.object({ resource: z.object({ urn: z.string() }) })).nullish(),
    })
    .nullable(),
});

/** Where a deployment stands in the story of its stack. */
export interface Told {
  id: string;
  /** What its resources say in the ledger. */
  text: string;
  /** Pending operations that one before it has left; the engine keeps them until a refresh. */
  earlierPending: ReadonlySet<string>;
}

/** N7: what is told of a deployment is what the ledger and the state say. Asked when all is quiet, before the stack is used again. */
export async function toldAsItIs(
  bed: Bed,
  project: WitnessProject,
  { id, text: own, earlierPending }: Told,
): Promise<{ violations: Violation[]; pending: ReadonlySet<string> }> {
  const told = await bed.client.getDeployment({ params: { id }, query: { wait: 0 } });
  const text = await fetchState(
    { baseUrl: bed.baseUrl, token: bed.token },
    project.params,
    null,
    AbortSignal.timeout(30_000),
  );
  const { deployment } = State.parse(JSON.parse(text));
  const inState = new Map<string, string>();
  for (const { type, inputs } of deployment?.resources ?? []) {
    if (type === "witness:index:Entry") inState.set(inputs?.name ?? "", inputs?.text ?? "");
  }
  const pending = new Set(
    (deployment?.pending_operations ?? []).map(({ resource }) => resource.urn.split("::").at(-1) ?? ""),
  );
  const lines = project.lines();
  const effects = effectsOf(lines);
  const unfinished = unfinishedIn(lines.filter((line) => line.text === own));
  const found: Violation[] = [];
  const known = `${told.status}: ${JSON.stringify(told.failure)}`;
  for (const [name, effect] of effects) {
    if (inState.get(name) === effect || pending.has(name)) continue;
    found.push(violation("N7", `${name} exists as ${effect} and the state does not know it (${known})`));
  }
  for (const [name, recorded] of inState) {
    if (effects.get(name) !== recorded)
      found.push(violation("N7", `the state has ${name} as ${recorded}, the ledger ${effects.get(name)}`));
  }
  if (told.status === "succeeded") {
    for (const name of [...unfinished, ...[...pending].filter((one) => !earlierPending.has(one))])
      found.push(violation("N7", `told as succeeded, but ${name} was not finished`));
    if (told.operation === "update" && told.release === null)
      found.push(violation("N7", "told as succeeded, without a release"));
  } else {
    const account = JSON.stringify(told);
    for (const name of pending)
      if (!account.includes(name))
        found.push(violation("N7", `${name} is pending and the account does not name it: ${account}`));
  }
  return { violations: found, pending };
}

/** N8: the numbers of events have no gaps, a follower got them all, and no attempt writes after its time. */
export async function eventsAreWhole(
  bed: Bed,
  followed: { id: string; sequences: readonly number[] },
): Promise<Violation[]> {
  const gaps = await bed.rows<{ id: string; n: number; top: number }>(`
    select deployment_id as id, count(*)::integer as n, max(sequence)::integer as top from deployment_events
    group by deployment_id having count(*) <> max(sequence) or min(sequence) <> 1
  `);
  const late = await bed.rows<{ id: string; sequence: number }>(`
    select e.deployment_id as id, e.sequence from deployment_events e
    where exists (
      select 1 from deployment_events b where b.deployment_id = e.deployment_id and b.sequence < e.sequence
        and (b.attempt > e.attempt and e.attempt > 0
          or b.body ->> 'type' = 'status'
            and b.body ->> 'status' in ('succeeded', 'failed', 'cancelled', 'interrupted', 'rolled_back', 'expired')))
  `);
  const stored = await bed.rows<{ sequence: number }>(
    "select sequence from deployment_events where deployment_id = $1 order by sequence",
    [followed.id],
  );
  const got = followed.sequences.join(",");
  const is = stored.map(({ sequence }) => sequence).join(",");
  return [
    ...gaps.map(({ id, n, top }) => violation("N8", `deployment ${id} has ${n} events up to number ${top}`)),
    ...late.map(({ id, sequence }) =>
      violation("N8", `event ${sequence} of deployment ${id} was written after its attempt's time`),
    ),
    ...(got === is ? [] : [violation("N8", `a follower of ${followed.id} got ${got}, stored are ${is}`)]),
  ];
}

/** N9: every message of the outbox is routed, and delivered or given up by its deadline. */
export async function outboxIsDelivered(bed: Bed): Promise<Violation[]> {
  const late = await bed.rows<{ id: string }>(
    "select id from notification_deliveries where status = 'pending' and deadline < now() - interval '1 minute'",
  );
  const unrouted = await bed.rows<{ id: string }>(
    "select id from notifications where routed_at is null and created_at < now() - interval '1 minute'",
  );
  return [
    ...late.map(({ id }) => violation("N9", `delivery ${id} is neither delivered nor given up`)),
    ...unrouted.map(({ id }) => violation("N9", `message ${id} has not been routed`)),
  ];
}

/** N12: nobody voted for what they had asked for, and what ran is what was voted for: no change of a stack with rules without its votes, none with another seal. */
export async function votesWereKept(bed: Bed): Promise<Violation[]> {
  const own = await bed.rows<{ id: string; by: string }>(
    `select d.id, v.principal as by from approval_votes v join deployments d on d.id = v.deployment_id
     where v.principal = d.requested_by or v.principal = 'user:' || d.requested_by`,
  );
  const unasked = await bed.rows<{ id: string }>(
    `select distinct d.id from updates u join attempts a on a.id = u.attempt_id join deployments d on d.id = a.deployment_id
     where not u.dry_run and exists (select 1 from approval_rule_sets r where r.stack_id = d.stack_id)
       and not exists (
         select 1 from approvals p join approval_votes v on v.deployment_id = p.deployment_id and v.seal = p.seal and v.verdict = 'approve'
         where p.deployment_id = d.id and p.state = 'begun')`,
  );
  const others = await bed.rows<{ id: string; ran: string }>(
    `select p.deployment_id as id, e.details ->> 'seal' as ran from approvals p
     join audit_entries e on e.action = 'deployment.update_bound' and e.details ->> 'deployment' = p.deployment_id::text
     where e.details ->> 'seal' <> p.seal`,
  );
  return [
    ...own.map(({ id, by }) =>
      violation("N12", `${by} voted for deployment ${id}, which they had asked for`),
    ),
    ...unasked.map(({ id }) =>
      violation("N12", `deployment ${id} changed its stack without the votes for it`),
    ),
    ...others.map(({ id, ran }) => violation("N12", `deployment ${id} ran ${ran}, which nobody voted for`)),
  ];
}

const QUIET_MS = 20_000;
const LOOK_AGAIN_MS = 250;

/** N10: no process, folder or lock is left of attempts that have ended. Waits a while for what is about to go; `known` has been told before. */
export async function nothingIsLeft(
  bed: Bed,
  quietMs = QUIET_MS,
  known: Set<string> = new Set(),
): Promise<Violation[]> {
  const until = performance.now() + quietMs;
  for (;;) {
    const all = [...processesLeft(bed), ...(await locksLeft(bed)), ...(await foldersLeft(bed))];
    const left = all.filter((detail) => !known.has(detail));
    if (left.length === 0 || performance.now() > until) {
      for (const detail of left) known.add(detail);
      return left.map((detail) => violation("N10", detail));
    }
    await pause(LOOK_AGAIN_MS);
  }
}

function processesLeft(bed: Bed): string[] {
  const table = processTable();
  const expected = new Set(
    [bed.postgresPid(), bed.server.pid, ...bed.workers.map(({ pid }) => pid)]
      .filter((pid) => pid !== undefined)
      .flatMap((pid) => treeOf(pid, table).map((one) => one.pid)),
  );
  const orphans = processesOf(bed.folder, table).filter(({ pid }) => !expected.has(pid));
  // Those of a worker that lives must not be at work any more either.
  const busy = processesOf(bed.folder, table).filter(
    ({ pid, name, command }) =>
      expected.has(pid) && (name === "pulumi" || command.includes("faults/provider")),
  );
  return [...orphans, ...busy].map(({ pid, command }) => `process ${pid} is left: ${command.slice(0, 200)}`);
}

async function locksLeft(bed: Bed): Promise<string[]> {
  const writers = await bed.rows<{ stack: string; holder: string }>(
    "select stack_id as stack, holder from stack_writers where holder is not null",
  );
  const updates = await bed.rows<{ id: string }>("select id from updates where status = 'running'");
  return [
    ...writers.map(({ stack, holder }) => `stack ${stack} is held by ${holder}`),
    ...updates.map(({ id }) => `update ${id} is still running`),
  ];
}

async function foldersLeft(bed: Bed): Promise<string[]> {
  const ended = await bed.rows<{ id: string }>(
    "select id from attempts where status not in ('claimed', 'running')",
  );
  const over = new Set(ended.map(({ id }) => id));
  const root = path.join(bed.dataDir, "attempts");
  const attempts = foldersIn(root).flatMap((worker) =>
    foldersIn(path.join(root, worker))
      .filter((attempt) => over.has(attempt))
      .map((attempt) => `folder ${worker}/${attempt} of an ended attempt is left`),
  );
  const installing = foldersIn(path.join(bed.dataDir, "dependencies"))
    .filter((name) => name.startsWith(".installing"))
    .map((name) => `a half installation is left: ${name}`);
  return [...attempts, ...installing];
}

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** N11: the canary is in no row, log, event or file outside of the vault, in no form that somebody could read. */
export async function canaryIsSilent(bed: Bed, canary: string): Promise<Violation[]> {
  const forms = [
    canary,
    Buffer.from(canary).toString("base64").replace(/=+$/u, "").slice(0, -2),
    Buffer.from(canary).toString("hex"),
  ];
  const pattern = forms.join("|");
  const tables = await bed.rows<{ schema: string; name: string }>(
    "select schemaname as schema, tablename as name from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
  );
  const found: Violation[] = [];
  for (const { schema, name } of tables) {
    const rows = await bed.rows<{ n: number }>(
      `select count(*)::integer as n from "${schema}"."${name}" t where t::text ~ $1`,
      [pattern],
    );
    const n = rows[0]?.n ?? 0;
    if (n > 0) found.push(violation("N11", `the canary is in ${n} rows of ${schema}.${name}`));
  }
  for (const folder of [bed.dataDir, path.join(bed.folder, "logs"), path.join(bed.folder, "tmp")]) {
    if (!existsSync(folder)) continue;
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const file = path.join(entry.parentPath, entry.name);
      if (!entry.isFile() || file.includes("/node_modules/")) continue;
      const text = await readFile(file, "latin1").catch(() => "");
      if (forms.some((form) => text.includes(form))) found.push(violation("N11", `the canary is in ${file}`));
    }
  }
  return found;
}

/** Rules that have nothing to look at yet, and why; told at the end of every run. */
export const NOT_YET: readonly string[] = ["N3 (the audit log verifies): the log has no chain yet"];
