import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NOTIFICATION_KINDS } from "../automation/src/contract/notifications.ts";
import { webhookBody } from "../automation/src/notifications/message.ts";
import { makeSigningSecret, signatureHeaders } from "../automation/src/notifications/signature.ts";
import { eventually } from "./helpers/waiting.ts";

const page = readFileSync(path.resolve(import.meta.dirname, "../docs/notifications.md"), "utf8");
const SECRET = makeSigningSecret();
const BODY = webhookBody(
  {
    id: "unused",
    organisation: "default",
    kind: "deployment.failed",
    subject: "default/shop/production",
    body: { what: "Deployment 7 failed.", who: null, why: "Grüße", nextAction: null, page: null },
    createdAt: new Date(),
  },
  undefined,
);

let folder: string;
let child: ChildProcess;
const lines: string[] = [];
let port = "";
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "slipway-receiver-"));
  const [, code = ""] = /```js\n([\s\S]*?)```/.exec(page) ?? [];
  const file = path.join(folder, "receiver.mjs");
  await writeFile(file, code);
  child = spawn(process.execPath, [file], {
    env: { ...process.env, WEBHOOK_SECRET: SECRET, PORT: "0" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (child.stdout === null) throw new Error("no stdout");
  createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
  port = await eventually("it listens", 30_000, () => /port (\d+)/.exec(lines[0] ?? "")?.[1]);
});
afterAll(async () => {
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
  await rm(folder, { recursive: true });
});

async function post(headers: Record<string, string>, body: Buffer = BODY): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: "POST",
    headers,
    body: new Uint8Array(body),
  });
  return answer.status;
}
const signed = (id: string, secrets = [SECRET], at = new Date(), body = BODY) =>
  signatureHeaders({ id, at, body }, secrets);

test("the receiver of the page takes what Slipway signs, each message once, also while a secret is being replaced", async () => {
  expect(await post(signed("one"))).toBe(204);
  expect(await post(signed("one"))).toBe(204);
  expect(await post(signed("two", [makeSigningSecret(), SECRET]))).toBe(204);
  await eventually("both are handled", 10_000, () => lines.length >= 3);
  expect(lines.slice(1)).toEqual(Array(2).fill("deployment.failed: Deployment 7 failed."));
});

test("it refuses other bytes, another id, another secret, an old message and none of all that", async () => {
  const before = lines.length;
  const old = new Date(Date.now() - 3_600_000);
  const statuses = [
    await post(signed("three"), Buffer.from(BODY.toString().replace("7", "8"))),
    await post({ ...signed("three"), "webhook-id": "four" }),
    await post(signed("three", [makeSigningSecret()])),
    await post(signed("three", [SECRET], old)),
    await post({
      ...signed("three", [SECRET], old),
      "webhook-timestamp": String(Math.floor(Date.now() / 1000)),
    }),
    await post({ ...signed("three"), "webhook-timestamp": "soon" }),
    await post({ ...signed("three"), "webhook-signature": "v1," }),
    await post({}),
  ];
  expect(statuses).toEqual(Array(8).fill(401));
  expect(lines).toHaveLength(before);
});

test("the page names every kind with its severity, and none that does not exist", () => {
  const rows = [...page.matchAll(/^\| `([a-z_.-]+)` \| (info|warning|critical) \|/gm)].map(
    ([, kind, severity]) => [kind, severity],
  );
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(NOTIFICATION_KINDS).map(([kind, [severity]]) => [kind, severity])),
  );
});
