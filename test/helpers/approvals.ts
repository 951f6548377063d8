import { sql } from "kysely";
import type { Changing, SetAside } from "../../automation/src/approvals/begin.ts";
import { setAside } from "../../automation/src/approvals/begin.ts";
import type { Change } from "../../automation/src/approvals/matching.ts";
import type { Role } from "../../automation/src/contract/access.ts";
import type { Risk } from "../../automation/src/contract/approvals.ts";
import type { Database } from "../../automation/src/database.ts";
import { bearer, insertDeployment, tokenOf } from "./access.ts";
import type { AskOptions, TestAnswer, TestApi } from "./api.ts";
import { startDeployment } from "./records.ts";

/** A person with a token and a session, each as headers of a request. */
export interface TestPerson {
  principal: string;
  token: Record<string, string>;
  session: Record<string, string>;
}

/** A person of these organisations who has signed in. */
export async function person(
  api: TestApi,
  name: string,
  roles: Readonly<Record<string, Role>> = { default: "deployer" },
): Promise<TestPerson> {
  const token = bearer(await tokenOf(api, name, roles));
  return { principal: `user:${name}`, token, session: await signIn(api, token) };
}

/** Signs in with a token; answers the session as headers. */
export async function signIn(api: TestApi, token: Record<string, string>): Promise<Record<string, string>> {
  const { status, body, text } = await api.ask("POST", "/v1/sessions", { headers: token });
  if (status !== 201) throw new Error(`signing in failed: ${text}`);
  return bearer(String(body.value));
}

/** Makes a group of the organisation `default` with these people. */
export async function group(api: TestApi, name: string, people: readonly string[]): Promise<void> {
  const url = `/v1/organisations/default/groups/${name}`;
  await expectOk(api.ask("PUT", url));
  for (const one of people) await expectOk(api.ask("PUT", `${url}/members/${one}`));
}

/** Sets what a stack asks for, by the owner of the installation. */
export async function setRules(api: TestApi, stack: string, rules: unknown): Promise<TestAnswer> {
  return expectOk(api.ask("PUT", `${stack}/approval-rules`, { body: rules }));
}

async function expectOk(answer: Promise<TestAnswer>): Promise<TestAnswer> {
  const { status, text } = await answer;
  if (status >= 300) throw new Error(`${status}: ${text}`);
  return answer;
}

/** A vote for what waits now. */
export async function vote(
  api: TestApi,
  deployment: string,
  by: TestPerson,
  body: { verdict?: "approve" | "reject"; comment?: string; seal?: string } = {},
  options: AskOptions = {},
): Promise<TestAnswer> {
  const { body: approval } = await api.ask("GET", `/v1/deployments/${deployment}/approval`);
  return api.ask("POST", `/v1/deployments/${deployment}/votes`, {
    headers: by.session,
    body: { verdict: "approve", seal: String(approval.seal), ...body },
    ...options,
  });
}

/** Puts a deployment into the database that waits for votes, as an attempt leaves it that came to where they are needed. */
export async function putWaiting(
  db: Database,
  stackId: string,
  more: {
    operation?: string;
    risk?: Risk;
    types?: readonly string[];
    requestedBy?: string;
    seal?: string;
  } = {},
): Promise<string> {
  const { operation = "update", requestedBy = "owner", seal = "sha256:one", types = ["a:b:C"] } = more;
  const risk: Risk = more.risk ?? { tier: "low", reasons: ["Create: 1 resource."], counts: { create: 1 } };
  const id = await insertDeployment(db, stackId, operation);
  await sql`update deployments set requested_by = ${requestedBy}, status = 'running', started_at = now() where id = ${id}`.execute(
    db,
  );
  await sql`update deployments set status = 'waiting_approval' where id = ${id}`.execute(db);
  await sql`
    insert into approvals (deployment_id, state, seal, risk, types, expires_at)
    values (${id}, 'open', ${seal}, ${JSON.stringify(risk)}, ${JSON.stringify(types)}, now() + interval '24 hours')`.execute(
    db,
  );
  return id;
}

/** What an attempt's own preview says that adds one resource, and what it was sealed with. */
export const ADDS_ONE = {
  change: {
    operation: "update",
    risk: { tier: "low", reasons: ["Create: 1 resource."], counts: { create: 1 } },
    types: ["a:b:C"],
  } satisfies Change,
  seal: "sha256:one",
};

/** Brings a deployment that was requested to where people are asked, as its attempt does when it has previewed and sealed it; answers what it was told. */
export async function comeToWait(db: Database, id: string, operation = "update"): Promise<SetAside> {
  await startDeployment(db, id);
  const changing = await changingOf(db, id);
  const now = { ...ADDS_ONE, operation, change: { ...ADDS_ONE.change, operation } };
  const aside = await db.transaction().execute((trx) => setAside(trx, changing, now));
  await sql`update deployments set status = 'waiting_approval' where id = ${id}`.execute(db);
  if (aside.kind === "again")
    await sql`update deployments set status = 'queued' where id = ${id}`.execute(db);
  return aside;
}

/** A deployment as its attempt, which has the same id, knows it. */
export async function changingOf(db: Database, id: string): Promise<Changing> {
  const found = await db
    .selectFrom("deployments")
    .innerJoin("stacks", "stacks.id", "deployments.stack_id")
    .innerJoin("projects", "projects.id", "stacks.project_id")
    .select([
      "stacks.id as stackId",
      "projects.organisation",
      "projects.name as project",
      "stacks.name as stack",
    ])
    .where("deployments.id", "=", id)
    .executeTakeFirstOrThrow();
  return { ...found, deploymentId: id, attemptId: id, cause: "request" };
}
