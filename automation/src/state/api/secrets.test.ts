import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestApi } from "../../../../test/helpers/api.ts";
import { startTestApi } from "../../../../test/helpers/api.ts";

const USER_AGENT = "pulumi-cli/1 (v3.250.0; linux; cmd=config-get)";
const MIB = 1024 * 1024;

let api: TestApi;
let stack: string;
beforeAll(async () => {
  api = await startTestApi();
  stack = (await api.makeStack("vault")).replace("/v1/", "/api/");
});
afterAll(() => api.close());

interface Answer {
  status: number;
  body: {
    ciphertext: string;
    ciphertexts: string[];
    plaintext: string;
    plaintexts: Record<string, string>;
    message: string;
  };
}

async function post(path: string, payload: unknown, token = api.token): Promise<Answer> {
  const answer = await api.app.inject({
    method: "POST",
    url: path,
    headers: {
      host: "127.0.0.1",
      authorization: `token ${token}`,
      "content-type": "application/json",
      "user-agent": USER_AGENT,
    },
    payload: JSON.stringify(payload),
  });
  return {
    status: answer.statusCode,
    body: (answer.payload === "" ? {} : answer.json()) as Answer["body"],
  };
}

const decrypts = async () =>
  (await api.ask("GET", "/v1/audit?action=secret.decrypted")).body.items as unknown as {
    principal: string;
    subject: string;
    details: unknown;
  }[];

const VALUES: readonly [string, Buffer][] = [
  ["random bytes", randomBytes(999)],
  ["invalid UTF-8", Buffer.from([0xff, 0xfe, 0xc3, 0x28, 0x00, 0xed, 0xa0, 0x80])],
  ["nothing", Buffer.alloc(0)],
  ["a megabyte", randomBytes(MIB)],
];

test.each(VALUES)("T16: %s comes back as it was encrypted", async (_name, value) => {
  const plaintext = value.toString("base64");
  const { status, body } = await post(`${stack}/encrypt`, { plaintext });
  expect(status).toBe(200);
  expect(Buffer.from(body.ciphertext, "base64").includes(value.subarray(0, 100))).toBe(value.length === 0);
  expect((await post(`${stack}/decrypt`, { ciphertext: body.ciphertext })).body).toEqual({ plaintext });
});

test("T16: nothing, as Go writes it, is a value too", async () => {
  const { body } = await post(`${stack}/encrypt`, { plaintext: null });
  expect((await post(`${stack}/decrypt`, { ciphertext: body.ciphertext })).body).toEqual({ plaintext: "" });
});

test("a batch keeps its order, and every ciphertext of a batch is answered as it was sent", async () => {
  const plaintexts = [...VALUES.map(([, value]) => value), Buffer.from("twice"), Buffer.from("twice")].map(
    (value) => value.toString("base64"),
  );
  const { ciphertexts } = (await post(`${stack}/batch-encrypt`, { plaintexts })).body;
  expect(new Set(ciphertexts).size).toBe(plaintexts.length);
  const asked = [...ciphertexts, ciphertexts[0] ?? ""];
  const opened = (await post(`${stack}/batch-decrypt`, { ciphertexts: asked })).body.plaintexts;
  expect(Object.keys(opened).toSorted()).toEqual(ciphertexts.toSorted());
  expect(ciphertexts.map((ciphertext) => opened[ciphertext])).toEqual(plaintexts);
});

test("an empty batch is answered with an empty one", async () => {
  expect((await post(`${stack}/batch-encrypt`, { plaintexts: null })).body).toEqual({ ciphertexts: [] });
  expect((await post(`${stack}/batch-decrypt`, { ciphertexts: [] })).body).toEqual({ plaintexts: {} });
});

test("a batch with one value that cannot be opened is refused whole, and not audited as decrypted", async () => {
  const plaintexts = [Buffer.from("canary-91c2").toString("base64")];
  const own = (await post(`${stack}/batch-encrypt`, { plaintexts })).body.ciphertexts;
  const other = (await api.makeStack("elsewhere")).replace("/v1/", "/api/");
  const foreign = (await post(`${other}/batch-encrypt`, { plaintexts })).body.ciphertexts;
  const before = await decrypts();
  const refused = await post(`${stack}/batch-decrypt`, { ciphertexts: [...own, ...foreign] });
  expect(refused.status).toBe(400);
  expect(refused.body.message).toContain("belongs to another stack or was changed");
  expect(await decrypts()).toEqual(before);
});

test.each(["", "AAAA", "not base64!", "====", "AgAAAAE="])(
  "what is no ciphertext of ours is refused: %j",
  async (ciphertext) => {
    expect((await post(`${stack}/decrypt`, { ciphertext })).status).toBe(400);
    expect((await post(`${stack}/batch-decrypt`, { ciphertexts: [ciphertext] })).status).toBe(400);
  },
);

test("one audit entry of a decryption says who, which stack, how many and which command, and never what", async () => {
  const plaintexts = ["canary-1", "canary-2", "canary-3"].map((text) => Buffer.from(text).toString("base64"));
  const { ciphertexts } = (await post(`${stack}/batch-encrypt`, { plaintexts })).body;
  const before = await decrypts();
  await post(`${stack}/batch-decrypt`, { ciphertexts });
  const after = await decrypts();
  expect(after.length).toBe(before.length + 1);
  expect(after[0]).toMatchObject({
    principal: "owner",
    subject: "default/vault/test",
    details: { values: 3, claimed: { client: USER_AGENT, command: "config-get" } },
  });
});

test("what a client decrypts by itself is noted as its claim", async () => {
  for (const [path, body] of [
    ["log-decryption", { secretName: "vault:password" }],
    ["log-batch-decryption", { commandName: "stack export --show-secrets" }],
  ] as const) {
    expect((await post(`${stack}/decrypt/${path}`, body)).status).toBe(204);
  }
  const { items } = (await api.ask("GET", "/v1/audit?action=secret.decryption_reported")).body;
  expect(items.map(({ details }) => details)).toEqual([
    { claimed: { client: USER_AGENT, command: "stack export --show-secrets" } },
    { claimed: { client: USER_AGENT, command: "config-get", secret: "vault:password" } },
  ]);
});
