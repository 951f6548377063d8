import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { sql } from "kysely";
import { onTestFinished } from "vitest";
import { buildApp } from "../../automation/src/app.ts";
import type { Database } from "../../automation/src/database.ts";
import { openDatabase } from "../../automation/src/database.ts";
import type { KeySettings } from "../../automation/src/secrets/key-settings.ts";
import type { Keyring } from "../../automation/src/secrets/keyring.ts";
import { openKeyring } from "../../automation/src/secrets/open-keyring.ts";
import type { AnswerBody, TestApi } from "./api.ts";

/** A server on the same database that was started with these settings; ends with the test. */
export interface KeyServer {
  db: Database;
  keyring: Keyring;
  ask(method: "GET" | "POST", url: string, body?: unknown): Promise<{ status: number; body: AnswerBody }>;
}

export async function startKeyServer(api: TestApi, settings: KeySettings): Promise<KeyServer> {
  const { db, close } = openDatabase(api.databaseUrl, { applicationName: "slipway-test-keys" });
  let app: FastifyInstance | undefined;
  onTestFinished(async () => {
    await app?.close();
    await close();
  });
  const keyring = await openKeyring({ db, settings });
  const server = await buildApp({ ...api.dependencies, db, keyring });
  app = server;
  return {
    db,
    keyring,
    ask: async (method, url, body) => {
      const answer = await server.inject({
        method,
        url,
        headers: {
          host: "127.0.0.1",
          authorization: `Bearer ${api.token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      });
      return { status: answer.statusCode, body: answer.json() as AnswerBody };
    },
  };
}

/** Makes a stack of a project of its own and answers its id. */
export async function makeStackId(api: TestApi): Promise<string> {
  const project = `p${randomUUID().slice(0, 8)}`;
  await api.makeStack(project);
  const { rows } = await sql<{ id: string }>`
    select s.id from stacks s join projects p on p.id = s.project_id where p.name = ${project}`.execute(
    api.db,
  );
  return rows[0]?.id ?? "";
}
