import { readFile, rename } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { configDigest, openConfig } from "../automation/src/secrets/config-secrets.ts";
import type { KeySettings } from "../automation/src/secrets/key-settings.ts";
import { defaultKeySettings, parseKeyChoice } from "../automation/src/secrets/key-settings.ts";
import { openKeyring } from "../automation/src/secrets/open-keyring.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { makeStackId, startKeyServer } from "./helpers/keys.ts";
import type { Moto } from "./helpers/moto.ts";
import { startMoto } from "./helpers/moto.ts";

/** More than one request of a rewrap moves. */
const MANY_VERSIONS = 60;
/** Installing the stand-in for AWS takes its time once. */
const INSTALL_LIMIT_MS = 10 * 60_000;

let api: TestApi;
let moto: Moto | { missing: string };
let gate: Gate | undefined;
beforeAll(async () => {
  api = await startTestApi();
  moto = await startMoto();
  if ("missing" in moto) return;
  gate = await startGate(moto.url);
  for (const [name, value] of Object.entries(moto.env)) vi.stubEnv(name, value);
  vi.stubEnv("AWS_ENDPOINT_URL", gate.url);
}, INSTALL_LIMIT_MS);
afterAll(async () => {
  vi.unstubAllEnvs();
  await gate?.close();
  if (!("missing" in moto)) await moto.stop();
  await api.close();
});
beforeEach(({ skip }) => {
  if (!("missing" in moto)) return;
  if (process.env.CI === "true") throw new Error(moto.missing);
  skip(`AWS KMS cannot be tested: ${moto.missing}`);
});

/** Lies before moto, which uses a disabled key as if it were not. */
interface Gate {
  url: string;
  /** All keys are disabled. */
  isShut: boolean;
  close(): Promise<void>;
}

async function startGate(motoUrl: string): Promise<Gate> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const forward = async (): Promise<void> => {
        if (made.isShut) {
          response.writeHead(400, { "content-type": "application/x-amz-json-1.1" });
          response.end(JSON.stringify({ __type: "DisabledException", message: "the key is disabled." }));
          return;
        }
        const { host: _, connection: _c, "content-length": _l, ...headers } = request.headers;
        const answer = await fetch(motoUrl, {
          method: "POST",
          headers: Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]),
          body: Buffer.concat(chunks),
        });
        response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
        response.end(Buffer.from(await answer.arrayBuffer()));
      };
      forward().catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const made: Gate = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    isShut: false,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return made;
}

function shut(isShut: boolean): void {
  if (gate !== undefined) gate.isShut = isShut;
}

async function makeKmsKey(): Promise<{ arn: string; settings: KeySettings }> {
  const kms = new KMSClient({ region: "us-east-1" });
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  const arn = KeyMetadata?.Arn ?? "";
  const defaults = defaultKeySettings(api.dataDir);
  const choice = parseKeyChoice(`aws-kms:${arn}`, { root: "/", defaultFile: defaults.defaultFile });
  if (choice === undefined) throw new Error(`${arn} is not taken`);
  kms.destroy();
  return { arn, settings: { ...defaults, choice } };
}

test("everything is moved from the key file to AWS KMS in several requests, one of which fails, and is readable without the file", async () => {
  const stackId = await makeStackId(api);
  const file = api.dependencies.keyring;
  const names = await sql<{ path: string }>`select '/v1/stacks/default/' || p.name || '/' || s.name as path
    from stacks s join projects p on p.id = s.project_id where s.id = ${stackId}`.execute(api.db);
  const stack = names.rows[0]?.path ?? "";
  const sealed: Buffer[] = [];
  for (let version = 1; version <= MANY_VERSIONS; version += 1) {
    sealed.push(await file.seal(api.db, stackId, "state", Buffer.from(`state ${version}`)));
    expect((await api.ask("POST", `${stack}/data-keys`)).status).toBe(201);
  }
  const config = {
    "app:password": {
      secret: true as const,
      ciphertext: (await file.seal(api.db, stackId, "config", Buffer.from("hunter2"))).toString("base64"),
    },
  };
  const digest = await configDigest(file, api.db, stackId, config);

  const { arn, settings } = await makeKmsKey();
  const server = await startKeyServer(api, settings);
  const rewrap = (body = {}) => server.ask("POST", "/v1/keys/rewrap", body);
  const elsewhere = await rewrap({ to: "aws-kms:arn:aws:kms:us-east-1:000000000000:key/another" });
  expect([elsewhere.status, elsewhere.body.code]).toEqual([409, "conflict"]);

  const first = await rewrap({ to: `aws-kms:${arn}` });
  expect(first.body).toMatchObject({ to: `aws-kms:${arn}`, retired: [] });
  const left = Number(first.body.left);
  expect(left).toBeGreaterThan(0);
  shut(true);
  const failed = await rewrap();
  expect([failed.status, failed.body.code]).toEqual([503, "key_unavailable"]);
  expect(failed.body.detail).toContain(`AWS KMS did not encrypt with aws-kms:${arn}: DisabledException`);
  shut(false);
  const fileKey = file.wrapping.current.id;
  const second = await rewrap();
  expect(second.body).toMatchObject({ moved: left, left: 0, retired: [fileKey] });
  expect((await rewrap()).body).toMatchObject({ moved: 0, left: 0, retired: [] });

  await rename(settings.defaultFile, `${settings.defaultFile}.away`);
  try {
    const later = await startKeyServer(api, settings);
    for (const [index, one] of sealed.entries()) {
      expect(String(await later.keyring.open(later.db, stackId, "state", one))).toBe(`state ${index + 1}`);
    }
    expect(await openConfig(later.keyring, later.db, stackId, config)).toEqual({
      "app:password": { secret: true, value: "hunter2" },
    });
    expect(await configDigest(later.keyring, later.db, stackId, config)).toBe(digest);
    const { items } = (await later.ask("GET", "/v1/keys")).body;
    expect(items).toMatchObject([
      { id: fileKey, isCurrent: false, isRetired: true, wraps: 0 },
      { id: `aws-kms:${arn}`, isCurrent: true, isRetired: false, wraps: MANY_VERSIONS + 2 },
    ]);
  } finally {
    await rename(`${settings.defaultFile}.away`, settings.defaultFile);
  }

  // A server that was left running with the file must not make a key that only the file opens.
  await expect(file.newest(api.db, await makeStackId(api))).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringContaining(`${fileKey} is retired`),
  });
  const { items: entries } = (await api.ask("GET", "/v1/audit?action=key.rewrapped")).body;
  expect(entries.map(({ principal, details }) => [principal, details])).toEqual([
    ["owner", { to: `aws-kms:${arn}`, from: [fileKey], keys: left }],
    ["owner", { to: `aws-kms:${arn}`, from: [fileKey], keys: MANY_VERSIONS + 2 - left }],
  ]);
  const { items: retired } = (await api.ask("GET", "/v1/audit?action=key.retired")).body;
  expect(retired.map(({ details }) => details)).toEqual([{ keys: [fileKey] }]);
});

test("a data key is bound to its stack by KMS's encryption context", async () => {
  const { settings } = await makeKmsKey();
  const server = await startKeyServer(api, settings);
  const [stackId, other] = [await makeStackId(api), await makeStackId(api)];
  for (const id of [stackId, other]) await server.keyring.newest(server.db, id);
  await sql`update data_keys a set wrapped = b.wrapped from data_keys b
    where a.stack_id = ${stackId} and b.stack_id = ${other}`.execute(api.db);
  const fresh = await startKeyServer(api, settings);
  await expect(fresh.keyring.newest(fresh.db, stackId)).rejects.toMatchObject({ code: "key_wrong" });
});

test("a key that is not there, and a KMS that does not answer, stop the start with the key and what to check", async () => {
  const { settings } = await makeKmsKey();
  const arn = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-4000-8000-000000000000";
  const open = () =>
    openKeyring({ db: api.db, settings: { ...settings, choice: { provider: "aws-kms", arn } } });
  await expect(open()).rejects.toMatchObject({
    code: "key_unavailable",
    message: expect.stringMatching(/AWS KMS did not encrypt with aws-kms:arn.*NotFoundException/),
    remedy: expect.stringContaining("kms:Encrypt and kms:Decrypt"),
  });
});

test("nothing that is stored or logged shows a data key", async () => {
  const { settings } = await makeKmsKey();
  const server = await startKeyServer(api, settings);
  const { key } = await server.keyring.newest(server.db, await makeStackId(api));
  const { rows } = await sql<{ row: string }>`select t::text as row from data_keys t`.execute(api.db);
  const shown = rows.map(({ row }) => row).join() + api.log();
  for (const form of [key.toString("hex"), key.toString("base64")]) expect(shown).not.toContain(form);
  expect(shown).not.toContain((await readFile(settings.defaultFile, "utf8")).trim());
});
