import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { KeySettings } from "../automation/src/secrets/key-settings.ts";
import { defaultKeySettings } from "../automation/src/secrets/key-settings.ts";
import { openKeyring } from "../automation/src/secrets/open-keyring.ts";
import type { TransitDouble } from "./doubles/vault/transit.ts";
import { startTransit } from "./doubles/vault/transit.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { makeStackId, startKeyServer } from "./helpers/keys.ts";

let api: TestApi;
let vault: TransitDouble;
let tokenFile: string;
beforeAll(async () => {
  api = await startTestApi();
  vault = await startTransit();
  tokenFile = path.join(api.root, "vault-token");
  await writeFile(tokenFile, `${vault.token}\n`, { mode: 0o600 });
});
afterAll(async () => {
  await vault.close();
  await api.close();
});

function settingsOf(key: string, more: Partial<NonNullable<KeySettings["vault"]>> = {}): KeySettings {
  return {
    ...defaultKeySettings(api.dataDir),
    choice: { provider: "vault", mount: "transit", key },
    vault: { address: vault.url, namespace: undefined, tokenFile, token: undefined, ...more },
  };
}
const open = (settings: KeySettings) => openKeyring({ db: api.db, settings });

test("data keys are wrapped and unwrapped by Vault, which is asked once a key and process", async () => {
  vault.makeKey("slipway");
  const stackId = await makeStackId(api);
  const one = await startKeyServer(api, settingsOf("slipway"));
  const sealed = await one.keyring.seal(one.db, stackId, "state", Buffer.from("hunter2"));
  const { rows } = await sql<{ by: string; wrapped: Buffer }>`
    select wrapping_key as by, wrapped from data_keys where stack_id = ${stackId}`.execute(api.db);
  expect(rows[0]?.by).toBe("vault:transit/slipway");
  expect(String(rows[0]?.wrapped)).toMatch(/^vault:v1:/);

  const other = await startKeyServer(api, settingsOf("slipway"));
  vault.requests();
  const opened = await Promise.all(
    Array.from({ length: 20 }, () => other.keyring.open(other.db, stackId, "state", sealed)),
  );
  expect(new Set(opened.map(String))).toEqual(new Set(["hunter2"]));
  expect(vault.requests()).toEqual(["decrypt/slipway"]);
});

test("a data key's row that is moved to another stack does not unwrap", async () => {
  vault.makeKey("bound");
  const server = await startKeyServer(api, settingsOf("bound"));
  const [stackId, other] = [await makeStackId(api), await makeStackId(api)];
  for (const id of [stackId, other]) await server.keyring.newest(server.db, id);
  await sql`update data_keys a set wrapped = b.wrapped from data_keys b
    where a.stack_id = ${stackId} and b.stack_id = ${other}`.execute(api.db);
  const fresh = await startKeyServer(api, settingsOf("bound"));
  await expect(fresh.keyring.newest(fresh.db, stackId)).rejects.toMatchObject({ code: "key_wrong" });
});

test("while Vault is sealed what is known goes on, and what is not is answered 503 with the key and the remedy", async () => {
  vault.makeKey("away");
  const server = await startKeyServer(api, settingsOf("away"));
  const [known, unknown] = [await makeStackId(api), await makeStackId(api)];
  await server.keyring.newest(server.db, known);
  const sealed = await server.keyring.seal(server.db, known, "config", Buffer.from("a"));
  vault.setSealed(true);
  try {
    expect(String(await server.keyring.open(server.db, known, "config", sealed))).toBe("a");
    await expect(server.keyring.newest(server.db, unknown)).rejects.toMatchObject({
      code: "key_unavailable",
      message: expect.stringContaining("503: Vault is sealed (wrapping key vault:transit/away)"),
      remedy: expect.stringContaining("unsealed"),
    });
    await expect(open(settingsOf("away"))).rejects.toMatchObject({ code: "key_unavailable" });
  } finally {
    vault.setSealed(false);
  }
  await server.keyring.newest(server.db, unknown);
});

test("a start with the wrong key, no key, no token, a token that others may read, or no Vault says which and stops", async () => {
  vault.makeKey("swapped");
  const server = await startKeyServer(api, settingsOf("swapped"));
  await server.keyring.newest(server.db, await makeStackId(api));
  const refusals: [KeySettings, string, RegExp][] = [
    [
      settingsOf("nowhere"),
      "key_unavailable",
      /403: permission denied \(wrapping key vault:transit\/nowhere\)/,
    ],
    [settingsOf("slipway", { tokenFile: undefined }), "key_unavailable", /needs a token of Vault/],
    [
      settingsOf("slipway", { tokenFile: undefined, token: "hvs.wrong" }),
      "key_unavailable",
      /permission denied/,
    ],
    [{ ...settingsOf("slipway"), vault: undefined }, "key_unavailable", /no address of Vault is configured/],
    [
      settingsOf("slipway", { address: "http://127.0.0.1:9" }),
      "key_unavailable",
      /127\.0\.0\.1:9 cannot be reached/,
    ],
  ];
  for (const [settings, code, message] of refusals) {
    await expect(open(settings), String(message)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  }
  await chmod(tokenFile, 0o644);
  await expect(open(settingsOf("slipway"))).rejects.toMatchObject({ code: "secret_file_exposed" });
  await chmod(tokenFile, 0o600);

  // Made anew under its old name.
  vault.makeKey("swapped");
  await expect(open(settingsOf("swapped"))).rejects.toMatchObject({
    code: "key_wrong",
    message: expect.stringContaining("vault:transit/swapped"),
    remedy: expect.stringContaining("made anew is another key"),
  });
  await sql`delete from data_keys where wrapping_key = 'vault:transit/swapped'`.execute(api.db);
});

test("a Vault that does not bind a key to its place is refused", async () => {
  vault.makeKey("old");
  // Of its own: other keys of this database would be found wrong first.
  const other = await startTestApi();
  const settings = { ...settingsOf("old"), defaultFile: defaultKeySettings(other.dataDir).defaultFile };
  vault.setForgetful(true);
  try {
    await expect(openKeyring({ db: other.db, settings })).rejects.toMatchObject({
      remedy: expect.stringContaining("since version 1.13"),
    });
  } finally {
    vault.setForgetful(false);
    await other.close();
  }
});

test("neither token nor key is in a log or an error", async () => {
  const thrown = await open(settingsOf("nowhere")).catch((error: unknown) => error);
  const shown =
    JSON.stringify(thrown, Object.getOwnPropertyNames(thrown)) + String((thrown as Error).stack) + api.log();
  expect(shown).not.toContain(vault.token);
});
