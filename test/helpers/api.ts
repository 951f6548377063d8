import { randomUUID } from "node:crypto";
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Writable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { pino } from "pino";
import { ensureOwnerToken } from "../../automation/src/access/owner-token.ts";
import { hashToken, makeToken } from "../../automation/src/access/token.ts";
import type { AppDependencies } from "../../automation/src/app.ts";
import { buildApp } from "../../automation/src/app.ts";
import { openContentStore } from "../../automation/src/artifacts/content-store.ts";
import { systemClock } from "../../automation/src/clock.ts";
import { readMigrations } from "../../automation/src/database/migrations.ts";
import { Notifications } from "../../automation/src/database/notifications.ts";
import type { Database } from "../../automation/src/database.ts";
import { openDatabase } from "../../automation/src/database.ts";
import { DEPLOYMENT_CHANNEL } from "../../automation/src/deployments/events-store.ts";
import { openDiskGuard } from "../../automation/src/disk/guard.ts";
import { Progress } from "../../automation/src/monitoring/progress.ts";
import { NO_TRACING } from "../../automation/src/monitoring/tracing.ts";
import { defaultKeySettings } from "../../automation/src/secrets/key-settings.ts";
import { openKeyring } from "../../automation/src/secrets/open-keyring.ts";
import { testPostgres } from "./postgres.ts";

/** The server's HTTP side on a database of its own, without a worker. */
export interface TestApi {
  app: FastifyInstance;
  db: Database;
  dependencies: AppDependencies;
  databaseUrl: string;
  /** The only allowed root of projects; a real path. */
  root: string;
  dataDir: string;
  /** The owner's. */
  token: string;
  /** All that was logged. */
  log(): string;
  /** Asks with the owner's token and answers status, headers and parsed body. */
  ask(method: "GET" | "POST" | "PUT" | "DELETE", url: string, options?: AskOptions): Promise<TestAnswer>;
  /** Makes a folder below the root with these files, Pulumi.yaml for the project `name` among them. */
  makeProject(name: string, files?: Record<string, string>): Promise<string>;
  /** Makes a folder, registers it and creates the stack; answers the stack's address, /v1/stacks/default/<name>/<stack>. */
  makeStack(name: string, stack?: string, files?: Record<string, string>): Promise<string>;
  close(): Promise<void>;
}

export interface AskOptions {
  body?: unknown;
  headers?: Record<string, string>;
}

export interface TestAnswer {
  status: number;
  headers: Record<string, unknown>;
  /** Parsed JSON; empty when the answer is something else. */
  body: AnswerBody;
  text: string;
}

/** What tests read of an answer without looking at its form. */
export interface AnswerBody {
  id: string;
  code: string;
  detail: string;
  items: AnswerBody[];
  next: string | null;
  issues: { path: string; message: string }[];
  [key: string]: unknown;
}

export async function startTestApi(
  overrides: Partial<
    Pick<
      AppDependencies,
      "progress" | "tracing" | "disk" | "hosts" | "consoleDir" | "clock" | "timing" | "notificationSettings"
    >
  > & {
    /** A migrated database of the test's own, which it removes itself. */
    databaseUrl?: string;
  } = {},
): Promise<TestApi> {
  const database =
    overrides.databaseUrl === undefined
      ? await testPostgres().freshDatabase()
      : { url: overrides.databaseUrl, drop: () => Promise.resolve() };
  const home = await realpath(await mkdtemp(path.join(tmpdir(), "slipway-api-")));
  const [root, dataDir] = [path.join(home, "projects"), path.join(home, "data")];
  await mkdir(root);
  // Gates run as a user of their own, who may look at what tests lay here.
  await chmod(home, 0o755);
  const { db, close } = openDatabase(database.url, { applicationName: "slipway-test" });
  const lines: string[] = [];
  const notifications = new Notifications(database.url, {
    channel: DEPLOYMENT_CHANNEL,
    applicationName: "slipway-test-listen",
    onError: (message) => lines.push(message),
  });
  notifications.start();
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  const tokenFile = path.join(dataDir, "owner-token");
  await ensureOwnerToken(db, tokenFile, systemClock.now());
  const token = makeToken("owner");
  await db
    .insertInto("tokens")
    .values({ id: randomUUID(), principal: "owner", kind: "owner", hash: hashToken(token) })
    .execute();
  const dependencies: AppDependencies = {
    db,
    clock: overrides.clock ?? systemClock,
    logger: pino({ level: "trace" }, sink),
    notifications,
    keyring: await openKeyring({ db, settings: defaultKeySettings(dataDir) }),
    dataDir,
    progress: overrides.progress ?? new Progress(),
    tracing: overrides.tracing ?? NO_TRACING,
    disk: overrides.disk ?? openDiskGuard({ folders: [dataDir], minimum: "usual" }),
    artifacts: await openContentStore(dataDir, db),
    projectRoots: [root],
    notificationSettings: overrides.notificationSettings ?? { allowed: [], sendsEmail: false },
    consoleDir: overrides.consoleDir ?? path.join(home, "console"),
    hosts: overrides.hosts ?? { host: "127.0.0.1", publicUrl: undefined },
    hints: { current: () => undefined },
    schemaVersion: (await readMigrations()).length,
    version: "0.0.0-test",
    // A machine that runs many tests at once is late all the time, and that is not what they are about.
    shedsLoad: false,
    ...(overrides.timing === undefined ? {} : { timing: overrides.timing }),
  };
  const app = await buildApp(dependencies);
  await app.ready();

  const ask: TestApi["ask"] = async (method, url, { body, headers = {} } = {}) => {
    const response = await app.inject({
      method,
      url,
      headers: {
        host: "127.0.0.1",
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    const isJson = String(response.headers["content-type"]).includes("json");
    return {
      status: response.statusCode,
      headers: response.headers,
      body: (isJson ? JSON.parse(response.payload) : {}) as AnswerBody,
      text: response.payload,
    };
  };
  const makeProject: TestApi["makeProject"] = async (name, files = {}) => {
    const folder = path.join(root, `${name}-${randomUUID().slice(0, 8)}`);
    await mkdir(folder, { recursive: true });
    const all = { "Pulumi.yaml": `name: ${name}\nruntime: yaml\nresources: {}\n`, ...files };
    for (const [file, text] of Object.entries(all)) await writeFile(path.join(folder, file), text);
    return folder;
  };
  return {
    app,
    db,
    dependencies,
    databaseUrl: database.url,
    root,
    dataDir,
    token,
    log: () => lines.join(""),
    ask,
    makeProject,
    makeStack: async (name, stack = "test", files = {}) => {
      const folder = await makeProject(name, files);
      const project = await ask("POST", "/v1/projects", { body: { name, folder } });
      if (project.status !== 201) throw new Error(`creating the project failed: ${project.text}`);
      const created = await ask("POST", "/v1/stacks", { body: { project: name, name: stack } });
      if (created.status !== 201) throw new Error(`creating the stack failed: ${created.text}`);
      return `/v1/stacks/default/${name}/${stack}`;
    },
    close: async () => {
      await app.close();
      await notifications.stop();
      await close();
      await database.drop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
