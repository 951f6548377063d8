import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { sql } from "kysely";
import { claimNext } from "../../automation/src/attempts/claim-store.ts";
import type { Claim } from "../../automation/src/attempts/store.ts";
import { recordWorker } from "../../automation/src/attempts/store.ts";
import { replayJournal } from "../../automation/src/state/journal/replay.ts";
import { currentState } from "../../automation/src/state/states-store.ts";
import type { TestApi } from "./api.ts";

const CLIENT = "pulumi-cli/1 (v3.250.0; linux; cmd=up)";

export interface StateAnswer {
  status: number;
  text: string;
  json: Record<string, unknown>;
}

/** What asks as the Pulumi CLI does, on one stack, without a CLI. */
export interface StateClient {
  stackId: string;
  /** organisation/project/stack */
  subject: string;
  /** Asks below the stack's path; with the owner's token unless told. */
  ask(method: "GET" | "POST" | "PATCH", path: string, options?: StateAsk): Promise<StateAnswer>;
  create(options?: BeginOptions): Promise<string>;
  start(updateId: string, options?: BeginOptions): Promise<StateAnswer>;
  /** Creates and starts; throws when refused. */
  begin(options?: BeginOptions): Promise<RunningUpdate>;
}

export interface StateAsk {
  authorization?: string;
  body?: unknown;
  gzip?: boolean;
}

export interface BeginOptions {
  kind?: "update" | "preview" | "refresh" | "destroy";
  dryRun?: boolean;
  /** 0: whole states. */
  journalVersion?: number;
  tags?: Record<string, string>;
  /** An access token other than the owner's. */
  token?: string;
  message?: string;
  environment?: Record<string, string>;
}

/** An update that was started, with what its CLI would do. */
export interface RunningUpdate {
  id: string;
  token: string;
  version: number;
  tokenExpiration: number;
  journalVersion: number;
  /** Batches that were acknowledged, as texts of lists. */
  acknowledged: string[];
  append(entries: readonly object[]): Promise<StateAnswer>;
  checkpoint(state: object): Promise<StateAnswer>;
  renew(duration?: number): Promise<StateAnswer>;
  events(events: readonly object[]): Promise<StateAnswer>;
  complete(status?: string): Promise<StateAnswer>;
  cancel(): Promise<StateAnswer>;
}

/** Makes a stack of the project `name` over the service API. */
export async function stackClient(api: TestApi, name: string, stack = "dev"): Promise<StateClient> {
  const owner = `token ${api.token}`;
  const send = async (
    method: string,
    url: string,
    { authorization = owner, body, gzip = false }: StateAsk,
  ): Promise<StateAnswer> => {
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const response = await api.app.inject({
      method: method as "POST",
      url,
      headers: {
        host: "127.0.0.1",
        "user-agent": CLIENT,
        authorization,
        ...(text === undefined ? {} : { "content-type": "application/json" }),
        ...(gzip ? { "content-encoding": "gzip" } : {}),
      },
      ...(text === undefined ? {} : { payload: gzip ? gzipSync(text) : text }),
    });
    const isJson = String(response.headers["content-type"]).includes("json");
    return {
      status: response.statusCode,
      text: response.payload,
      json: isJson ? (JSON.parse(response.payload) as Record<string, unknown>) : {},
    };
  };
  const made = await send("POST", `/api/stacks/default/${name}`, { body: { stackName: stack } });
  if (made.status !== 200) throw new Error(`the stack was not made: ${made.text}`);
  const base = `/api/stacks/default/${name}/${stack}`;
  const { json } = await send("GET", base, {});
  const ask: StateClient["ask"] = (method, path, options = {}) => send(method, `${base}${path}`, options);
  const tokenOf = ({ token }: BeginOptions) => (token === undefined ? owner : `token ${token}`);

  const create: StateClient["create"] = async (options = {}) => {
    const { kind = "update", dryRun = false, message = "", environment = {} } = options;
    const answer = await ask("POST", `/${kind}`, {
      authorization: tokenOf(options),
      body: {
        name,
        runtime: "nodejs",
        main: "",
        description: "",
        options: { dryRun, parallel: 16, color: "raw" },
        config: {},
        metadata: { message, environment },
      },
    });
    if (answer.status !== 200) throw new Error(`the update was not created: ${answer.text}`);
    return String(answer.json.updateID);
  };
  const start: StateClient["start"] = (id, options = {}) =>
    ask("POST", `/update/${id}`, {
      authorization: tokenOf(options),
      body: {
        ...(options.tags === undefined ? {} : { tags: options.tags }),
        ...(options.journalVersion === 0 ? {} : { journalVersion: 1 }),
      },
    });
  return {
    stackId: String(json.id),
    subject: `default/${name}/${stack}`,
    ask,
    create,
    start,
    begin: async (options = {}) => {
      const id = await create(options);
      const started = await start(id, options);
      if (started.status !== 200) throw new Error(`the update was not started: ${started.text}`);
      return running(ask, id, started.json);
    },
  };
}

function running(ask: StateClient["ask"], id: string, started: Record<string, unknown>): RunningUpdate {
  const token = String(started.token);
  const authorization = `update-token ${token}`;
  const path = `/update/${id}`;
  const acknowledged: string[] = [];
  return {
    id,
    token,
    version: Number(started.version),
    tokenExpiration: Number(started.tokenExpiration),
    journalVersion: Number(started.journalVersion),
    acknowledged,
    append: async (entries) => {
      const list = JSON.stringify(entries);
      const body = `{"entries":${list}}`;
      const answer = await ask("PATCH", `${path}/journalentries`, { authorization, body, gzip: true });
      if (answer.status === 204) acknowledged.push(list);
      return answer;
    },
    checkpoint: (state) =>
      ask("PATCH", `${path}/checkpoint`, {
        authorization,
        body: { isInvalid: false, ...state },
        gzip: true,
      }),
    renew: (duration = 300) =>
      ask("POST", `${path}/renew_lease`, { authorization, body: { token: "", duration } }),
    events: (events) => ask("POST", `${path}/events/batch`, { authorization, body: { events }, gzip: true }),
    complete: (status = "succeeded") => ask("POST", `${path}/complete`, { authorization, body: { status } }),
    cancel: () => ask("POST", `${path}/cancel`),
  };
}

/** The resource `name` of stack dev, as a journal has it. `text` makes it large. */
export function resource(project: string, name: string, text = ""): object {
  return {
    urn: `urn:pulumi:dev::${project}::test:index:Thing::${name}`,
    custom: true,
    id: `id-${name}`,
    type: "test:index:Thing",
    inputs: { text },
    outputs: { text },
  };
}

/** Entries of one created resource: its begin and its success. `operation` counts from 1. */
export function created(project: string, operation: number, name: string, text = ""): [object, object] {
  const plain = { version: 1, operationID: operation, removeOld: null, removeNew: null };
  const { id: _id, outputs: _outputs, ...begun } = resource(project, name, text) as Record<string, unknown>;
  return [
    {
      ...plain,
      kind: 0,
      sequenceID: operation * 2 - 1,
      operation: { resource: begun, type: "creating" },
    },
    { ...plain, kind: 1, sequenceID: operation * 2, state: resource(project, name, text) },
  ];
}

/** A whole state with these resources. */
export function state(resources: readonly object[]): { version: number; deployment: object } {
  return {
    version: 3,
    deployment: {
      manifest: { time: "2026-01-01T00:00:00Z", magic: "", version: "" },
      resources,
      metadata: {},
    },
  };
}

/** What a state says, without when it was made. */
export function essence(text: string | null): unknown {
  if (text === null) return null;
  const parsed = JSON.parse(text) as { deployment: Record<string, unknown> | null };
  return {
    ...parsed,
    deployment: parsed.deployment === null ? null : { ...parsed.deployment, manifest: null },
  };
}

/** What the stack's state must be after these acknowledged batches on top of a base. */
export function replayed(base: string | null, batches: readonly string[]): unknown {
  const meta = { manifestTime: "", cliVersion: "" };
  return batches.length === 0 ? essence(base) : essence(replayJournal(base, batches, meta).text);
}

/** The text of a stack's state. */
export async function stateText(api: TestApi, stackId: string): Promise<string | null> {
  return (await currentState(api.db, api.dependencies.keyring, stackId))?.text ?? null;
}

/** Names of the resources of a stack's state, in its order. */
export async function namesOf(api: TestApi, stackId: string): Promise<string[]> {
  const text = await stateText(api, stackId);
  const parsed = JSON.parse(text ?? "{}") as { deployment?: { resources?: { urn: string }[] } };
  return (parsed.deployment?.resources ?? []).map(({ urn }) => urn.split("::").at(-1) ?? "");
}

/** Names of the resources that may or may not be there. */
export async function pendingOf(api: TestApi, stackId: string): Promise<string[]> {
  const text = await stateText(api, stackId);
  const parsed = JSON.parse(text ?? "{}") as {
    deployment?: { pending_operations?: { resource: { urn: string } }[] };
  };
  return (parsed.deployment?.pending_operations ?? []).map(
    ({ resource: { urn } }) => urn.split("::").at(-1) ?? "",
  );
}

/** Actions of the audit entries of a subject about updates, in order. */
export async function updateAudit(api: TestApi, subject: string): Promise<string[]> {
  const rows = await api.db
    .selectFrom("audit_entries")
    .select("action")
    .where("subject", "=", subject)
    .where("action", "like", "update.%")
    .orderBy("sequence")
    .execute();
  return rows.map(({ action }) => action);
}

const DIGEST = `sha256:${"a".repeat(64)}`;

/** Queues a deployment on a stack, as a request does. Answers its id. */
export async function queueDeployment(api: TestApi, stackId: string): Promise<string> {
  const id = randomUUID();
  await sql`insert into artifacts (digest, kind, size_bytes) values (${DIGEST}, 'source', 1) on conflict do nothing`.execute(
    api.db,
  );
  await sql`
    with numbered as (update stacks set next_deployment = next_deployment + 1 where id = ${stackId} returning next_deployment - 1 as number)
    insert into deployments (id, stack_id, number, operation, requested_by, source_digest, config_digest)
    select ${id}, ${stackId}, number, 'update', 'owner', ${DIGEST}, ${DIGEST} from numbered
  `.execute(api.db);
  return id;
}

/** A worker that claims what is queued. */
export async function testClaimer(api: TestApi): Promise<() => Promise<Claim | null>> {
  const workerId = randomUUID();
  await recordWorker(api.db, workerId, "worker-host");
  return () => claimNext(api.db, { workerId, attemptId: randomUUID() });
}
