import { randomUUID } from "node:crypto";
import { sql } from "kysely";
import { claimNext } from "../../automation/src/attempts/claim-store.ts";
import type { Claim } from "../../automation/src/attempts/store.ts";
import { recordWorker } from "../../automation/src/attempts/store.ts";
import type { Role } from "../../automation/src/contract/access.ts";
import type { Database } from "../../automation/src/database.ts";
import type { TestApi } from "./api.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

/** Gives `member` (a person, or service:<name>) a role in organisations, which are made when they are new, and answers a token of theirs. */
export async function tokenOf(
  api: TestApi,
  member: string,
  roles: Readonly<Record<string, Role>>,
): Promise<string> {
  for (const [organisation, role] of Object.entries(roles)) {
    await api.ask("POST", "/v1/organisations", { body: { name: organisation } });
    const set = await api.ask("PUT", `/v1/organisations/${organisation}/members/${member}`, {
      body: { role },
    });
    if (set.status !== 200) throw new Error(`setting the member failed: ${set.text}`);
  }
  const [organisation] = Object.keys(roles);
  const principal = member.startsWith("service:")
    ? `service:${organisation ?? ""}/${member.slice("service:".length)}`
    : `user:${member}`;
  const made = await api.ask("POST", "/v1/tokens", { body: { name: "test", principal } });
  if (made.status !== 201) throw new Error(`making the token failed: ${made.text}`);
  return String(made.body.value);
}

/** Headers of a request with this token. */
export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

/** Registers a project and a stack of an organisation in the database; answers their ids. */
export async function insertStack(
  db: Database,
  { organisation = "default", project, stack }: { organisation?: string; project: string; stack: string },
): Promise<{ projectId: string; stackId: string }> {
  await sql`insert into organisations (name) values (${organisation}) on conflict do nothing`.execute(db);
  const { rows: projects } = await sql<{ id: string }>`
    with known as (select id from projects where organisation = ${organisation} and name = ${project} and removed_at is null),
      made as (
        insert into projects (id, organisation, name, folder)
        select ${randomUUID()}, ${organisation}, ${project}, '/nowhere' where not exists (select 1 from known) returning id)
    select id from known union all select id from made`.execute(db);
  const projectId = projects[0]?.id ?? "";
  const stackId = randomUUID();
  await sql`insert into stacks (id, project_id, name) values (${stackId}, ${projectId}, ${stack})`.execute(
    db,
  );
  return { projectId, stackId };
}

/** Queues a deployment of a stack in the database; answers its id. */
export async function insertDeployment(db: Database, stackId: string, operation = "update"): Promise<string> {
  const id = randomUUID();
  await sql`insert into artifacts (digest, kind, size_bytes) values (${DIGEST}, 'source', 1) on conflict do nothing`.execute(
    db,
  );
  await sql`
    with numbered as (update stacks set next_deployment = next_deployment + 1 where id = ${stackId} returning next_deployment - 1 as number)
    insert into deployments (id, stack_id, number, operation, requested_by, source_digest, config_digest)
    select ${id}, ${stackId}, number, ${operation}, 'owner', ${DIGEST}, ${DIGEST} from numbered`.execute(db);
  return id;
}

/** Queues a deployment and claims it, as a worker does; the attempt then holds the stack for a lease. Nothing else may be queued. */
export async function claimStack(db: Database, stackId: string, operation = "update"): Promise<Claim> {
  const workerId = randomUUID();
  await recordWorker(db, workerId, "test");
  const deploymentId = await insertDeployment(db, stackId, operation);
  const claim = await claimNext(db, { workerId, attemptId: randomUUID() });
  if (claim?.deploymentId !== deploymentId) throw new Error("another deployment was queued");
  return claim;
}
