import { SMTPServer } from "smtp-server";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CliResult, CliServer } from "./cli-server.ts";
import { slipway, startCliServer } from "./cli-server.ts";
import type { WebhookReceiver } from "./doubles/webhook-receiver.ts";
import { startWebhookReceiver } from "./doubles/webhook-receiver.ts";

let server: CliServer;
let receiver: WebhookReceiver;
let mail: SMTPServer;
let status = 204;
const mails: string[] = [];
let refuseMail = false;

beforeAll(async () => {
  receiver = await startWebhookReceiver({
    answer: (_request, response) => void response.writeHead(status).end(),
  });
  mail = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    onRcptTo: (_address, _session, callback) =>
      refuseMail ? callback(Object.assign(new Error("no such user"), { responseCode: 550 })) : callback(),
    onData: (stream, _session, callback) => {
      let text = "";
      stream.on("data", (part: Buffer) => {
        text += part.toString();
      });
      stream.on("end", () => {
        mails.push(text);
        callback();
      });
    },
  });
  await new Promise<void>((resolve) => mail.listen(0, "127.0.0.1", resolve));
  const address = mail.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  Object.assign(process.env, {
    SLIPWAY_WEBHOOK_ALLOW: "127.0.0.0/8",
    SLIPWAY_SMTP_URL: `smtp://127.0.0.1:${port}`,
    SLIPWAY_SMTP_FROM: "slipway@example.test",
  });
  server = await startCliServer();
});
afterAll(async () => {
  await server.stop();
  await receiver.close();
  await new Promise<void>((done) => mail.close(() => done()));
});

function run(argv: readonly string[], input = ""): Promise<CliResult> {
  const env = { SLIPWAY_URL: server.url, SLIPWAY_DATA_DIR: server.dataDir, XDG_CONFIG_HOME: server.home };
  return slipway(argv, { env, input });
}
const json = async (argv: readonly string[]) => JSON.parse((await run([...argv, "--json"])).stdout) as never;
const hook = () => `http://127.0.0.1:${receiver.port}/secret-path\n`;

test("a webhook is added from standard input, tested, rotated and removed; its path is never shown", async () => {
  const added = await run(
    ["destinations", "add", "ops", "--kind", "deployment.failed", "--match", "shop/*"],
    hook(),
  );
  expect(added.exitCode, added.stderr).toBe(0);
  expect(added.stdout).toMatch(/^whsec_[A-Za-z0-9+/]{43}=\n$/);
  expect(added.stderr).toContain("not shown again");
  const tested = await run(["notifications", "test", "ops"]);
  expect([tested.exitCode, tested.stdout, tested.stderr]).toEqual([
    0,
    "The test message arrived at ops.\n",
    "",
  ]);
  expect(receiver.received[0]?.path).toBe("/secret-path");
  const listed = await run(["destinations", "list"]);
  expect(listed.stdout).toMatch(
    /ops +webhook +http:\/\/127\.0\.0\.1:\d+ +deployment\.failed of shop\/\* +\S.* +active/,
  );
  const rotated = await run(["destinations", "rotate", "ops", "--overlap-hours", "2"]);
  expect(rotated.stdout).toMatch(/^whsec_/);
  expect(rotated.stdout).not.toBe(added.stdout);
  for (const { stdout, stderr } of [listed, tested, rotated])
    expect(stdout + stderr).not.toContain("secret-path");
  const set = await run(["destinations", "set", "ops", "--all-kinds", "--min-severity", "critical"]);
  expect(set.stdout).toBe("ops is changed.\n");
  expect(await json(["destinations", "list"])).toMatchObject([
    { kinds: null, stacks: ["shop/*"], minSeverity: "critical" },
  ]);
  expect((await run(["destinations", "remove", "ops"])).exitCode).toBe(2);
  expect((await run(["destinations", "remove", "ops", "--yes"])).stdout).toBe("ops is removed.\n");
  expect((await run(["destinations", "list"])).stdout).toContain("nobody is told");
});

test("what was given up is listed, shown with its tries, and sent again under its id", async () => {
  await run(["destinations", "add", "broken"], hook());
  status = 410;
  const tested = await run(["notifications", "test", "broken"]);
  expect(tested.exitCode).toBe(1);
  expect(tested.stdout).toContain("dead: The receiver answered 410");
  const [dead] = (await json(["notifications", "list", "--status", "dead"])) as {
    id: string;
    messageId: string;
  }[];
  const shown = await run(["notifications", "show", dead?.id ?? ""]);
  expect(shown.stdout).toMatch(/1 +\S+ +refused +410 +\d+ ms/);
  status = 200;
  const resent = await run(["notifications", "resend", dead?.id ?? ""]);
  expect(resent.stdout).toBe(`Message ${dead?.messageId} is on its way to broken again.\n`);
  await expect
    .poll(async () => (await run(["notifications", "list", "--destination", "broken"])).stdout, {
      timeout: 30_000,
    })
    .toMatch(/notification\.test +default\/notifications\/broken +broken +delivered/);
  const ids = receiver.received.map(({ headers }) => headers["webhook-id"]).slice(-2);
  expect(ids).toEqual([dead?.messageId, dead?.messageId]);
  expect((await run(["notifications", "resend", dead?.id ?? ""])).exitCode).toBe(8);
  expect((await run(["notifications", "resend", "--destination", "broken"])).stdout).toBe(
    "0 messages are on the way again.\n",
  );
});

test("a paused destination says so, and gets nothing until it is resumed", async () => {
  await run(["destinations", "add", "quiet"], hook());
  expect((await run(["destinations", "pause", "quiet"])).stdout).toBe("quiet is paused.\n");
  const refused = await run(["notifications", "test", "quiet"]);
  expect([refused.exitCode, refused.stderr]).toEqual([
    8,
    expect.stringContaining("slipway destinations resume quiet"),
  ]);
  expect((await run(["destinations", "list"])).stdout).toContain("paused by owner");
  expect((await run(["destinations", "resume", "quiet"])).stdout).toContain("quiet is active.");
  expect((await run(["notifications", "test", "quiet"])).exitCode).toBe(0);
});

test("e-mail goes through a real mail server; one that refuses the recipient makes a dead letter", async () => {
  const added = await run(["destinations", "add", "mail", "--to", "ops@example.test", "--json"]);
  expect(JSON.parse(added.stdout)).toMatchObject({
    secret: null,
    destination: { address: "ops@example.test" },
  });
  const tested = await run(["notifications", "test", "mail"]);
  expect(tested.stdout, tested.stderr).toBe("The test message arrived at mail.\n");
  expect(mails[0]).toContain("Subject: Test message: default/notifications/mail");
  refuseMail = true;
  const refused = await run(["notifications", "test", "mail"]);
  expect([refused.exitCode, refused.stdout]).toEqual([
    1,
    expect.stringContaining("dead: The mail server answered 550"),
  ]);
});

test.each([
  [["destinations", "add", "Ops"], 2],
  [["destinations", "add", "ops2", "--kind", "no.kind"], 2],
  [["destinations", "add", "ops2", "--match", "shop"], 2],
  [["destinations", "add", "ops2", "--to", "nobody"], 2],
  [["destinations", "set", "mail"], 2],
  [["destinations", "rotate", "mail"], 8],
  [["destinations", "rotate", "nowhere"], 3],
  [["notifications", "resend"], 2],
  [["notifications", "list", "--status", "gone"], 2],
  [["notifications", "test", "nowhere"], 3],
])("%j exits with %i", async (argv, code) => {
  const result = await run(argv, hook());
  expect([result.exitCode, result.stderr], result.stdout).toEqual([code, expect.stringContaining("error:")]);
});
