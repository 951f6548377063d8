import { expect, test } from "vitest";
import { readServerConfig } from "../config.ts";

const BASE = { DATABASE_URL: "postgres://slipway@127.0.0.1/slipway" };
const read = (env: Record<string, string>) => readServerConfig({ ...BASE, ...env }).notifications;

test("without settings webhooks reach the public internet alone and there is no e-mail", () => {
  expect(read({})).toEqual({ allowed: [], smtp: undefined });
});

test("networks and a mail server are read", () => {
  const { allowed, smtp } = read({
    SLIPWAY_WEBHOOK_ALLOW: "10.1.0.0/16, fd00:1::/64",
    SLIPWAY_SMTP_URL: "smtp://slip:p%40ss@mail.example",
    SLIPWAY_SMTP_FROM: "slipway@example.test",
  });
  expect(allowed.map(([network, bits]) => `${network.toString()}/${bits}`)).toEqual([
    "10.1.0.0/16",
    "fd00:1::/64",
  ]);
  expect(smtp).toMatchObject({ host: "mail.example", tls: "starttls", auth: { user: "slip", pass: "p@ss" } });
});

test.each<[Record<string, string>, string]>([
  [{ SLIPWAY_WEBHOOK_ALLOW: "internal.example" }, "SLIPWAY_WEBHOOK_ALLOW"],
  [{ SLIPWAY_SMTP_URL: "https://user:hunter2@mail.example" }, "SLIPWAY_SMTP_URL"],
  [{ SLIPWAY_SMTP_URL: "smtp://user:hunter2@mail.example" }, "SLIPWAY_SMTP_FROM"],
  [
    { SLIPWAY_SMTP_URL: "smtp://mail.example", SLIPWAY_SMTP_FROM: "a@b.test\nBcc: c@d.test" },
    "SLIPWAY_SMTP_FROM",
  ],
  [{ SLIPWAY_SMTP_TLS: "perhaps" }, "SLIPWAY_SMTP_TLS"],
])("%j is refused by its name, without its value", (env, name) => {
  let said = "";
  try {
    read(env);
  } catch (error) {
    said = String(error);
  }
  expect(said).toContain(name);
  expect(said).not.toContain("hunter2");
});
