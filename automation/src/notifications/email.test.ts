import { Buffer } from "node:buffer";
import type { SMTPServerAddress, SMTPServerOptions } from "smtp-server";
import { SMTPServer } from "smtp-server";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Certificate } from "../../../test/helpers/certificate.ts";
import { makeCertificate } from "../../../test/helpers/certificate.ts";
import { sendEmail } from "./email.ts";
import type { OutgoingMessage } from "./message.ts";
import { messageText } from "./message.ts";
import type { SmtpSettings } from "./smtp-settings.ts";
import { parseSmtpUrl } from "./smtp-settings.ts";

const NEVER = new AbortController().signal;
const MESSAGE: OutgoingMessage = {
  id: "0b6f7c1e-5a5b-4c4c-9f39-3a4a1b3d2c10",
  organisation: "acme",
  kind: "deployment.failed",
  subject: "acme/shop/production",
  body: {
    what: "Deployment 7 failed.",
    who: "user:alice",
    why: 'The program threw: <img src=x onerror="alert(1)"> & "Grüße aus Köln" 東京 🚢',
    nextAction: "Correct the program.\nThen deploy again.",
    page: "/deployments/1",
  },
  createdAt: new Date("2026-01-02T03:04:05Z"),
};

/** A mail as the server took it. */
interface Taken {
  from: string;
  to: string[];
  raw: string;
  secure: boolean;
  user: string | undefined;
}

const open: SMTPServer[] = [];
const taken: Taken[] = [];
afterEach(async () => {
  taken.length = 0;
  await Promise.all(open.splice(0).map((server) => new Promise<void>((done) => server.close(() => done()))));
});

let certificate: Certificate;
beforeAll(async () => {
  certificate = await makeCertificate("localhost", "127.0.0.1");
});

/** A real SMTP server on loopback; answers how to reach it. */
async function mailServer(options: SMTPServerOptions = {}): Promise<SmtpSettings> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS"],
    disableReverseLookup: true,
    onData(stream, session, callback) {
      const parts: Buffer[] = [];
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        const from = session.envelope.mailFrom as SMTPServerAddress;
        taken.push({
          from: from.address,
          to: session.envelope.rcptTo.map(({ address }) => address),
          raw: Buffer.concat(parts).toString("utf8"),
          secure: session.secure,
          user: session.user,
        });
        callback();
      });
    },
    ...options,
  });
  open.push(server);
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const settings = parseSmtpUrl(`smtp://127.0.0.1:${port}`, { from: "slipway@example.test" });
  if (settings === undefined) throw new Error("the address of the mail server is wrong");
  return settings;
}

const send = (settings: SmtpSettings, message = MESSAGE, to = ["ops@example.test"], timeoutMs?: number) =>
  sendEmail(
    { id: message.id, to, text: messageText(message, "https://slipway.example") },
    settings,
    NEVER,
    timeoutMs,
  );

/** Headers without folding, by name. */
function headersOf(raw: string): [string, string][] {
  const [head = ""] = raw.split("\r\n\r\n");
  return head
    .replaceAll(/\r\n[ \t]+/g, " ")
    .split("\r\n")
    .map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 2)]);
}

/** The decoded parts of a mail, by type. */
function partsOf(raw: string): Map<string, string> {
  const boundary = /boundary="([^"]+)"/.exec(raw)?.[1] ?? "";
  const parts = raw.split(`--${boundary}`).slice(1, -1);
  return new Map(
    parts.map((part) => {
      const [head = "", ...rest] = part.split("\r\n\r\n");
      const body = rest.join("\r\n\r\n");
      const encoding = /content-transfer-encoding: (\S+)/i.exec(head)?.[1]?.toLowerCase();
      const decoded =
        encoding === "base64"
          ? Buffer.from(body, "base64").toString("utf8")
          : encoding === "quoted-printable"
            ? Buffer.from(
                body
                  .replaceAll("=\r\n", "")
                  .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
                "latin1",
              ).toString("utf8")
            : body;
      return [/content-type: ([a-z/]+)/i.exec(head)?.[1] ?? "", decoded];
    }),
  );
}

describe("a mail", () => {
  test("says what, where, who, why and what next, in text and HTML, with a link that opens a page", async () => {
    const settings = await mailServer();
    expect(await send(settings, MESSAGE, ["ops@example.test", "boss@example.test"])).toEqual({
      outcome: { kind: "delivered" },
      statusCode: 250,
    });
    const [mail] = taken;
    expect(mail).toMatchObject({
      from: "slipway@example.test",
      to: ["ops@example.test", "boss@example.test"],
    });
    const headers = new Map(headersOf(mail?.raw ?? ""));
    expect(headers.get("subject")).toBe("Deployment failed: acme/shop/production");
    expect(headers.get("message-id")).toBe(`<${MESSAGE.id}@example.test>`);
    expect(headers.get("slipway-message-id")).toBe(MESSAGE.id);
    expect(headers.get("auto-submitted")).toBe("auto-generated");
    const parts = partsOf(mail?.raw ?? "");
    const text = parts.get("text/plain") ?? "";
    for (const part of [
      "What: Deployment 7 failed.",
      "Where: acme/shop/production",
      "Who: user:alice",
      'Grüße aus Köln" 東京 🚢',
      "Next: Correct the program.",
      "https://slipway.example/deployments/1",
    ]) {
      expect(text).toContain(part);
    }
    const html = parts.get("text/html") ?? "";
    expect(html).toContain(
      "&lt;img src=x onerror=&quot;alert(1)&quot;&gt; &amp; &quot;Grüße aus Köln&quot; 東京 🚢",
    );
    expect(html).not.toContain("<img");
    expect(html).toContain('<a href="https://slipway.example/deployments/1">');
  });

  test("sent again has the same id", async () => {
    const settings = await mailServer();
    await send(settings);
    await send(settings);
    const ids = taken.map(({ raw }) => new Map(headersOf(raw)).get("message-id"));
    expect(ids).toEqual([`<${MESSAGE.id}@example.test>`, `<${MESSAGE.id}@example.test>`]);
  });

  test.each([
    "acme/shop\r\nBcc: evil@example.test\r\n\r\nhello",
    "acme/shop\nBcc: evil@example.test",
    "acme/shop\rBcc: evil@example.test",
    "acme/shop\u2028Bcc: evil@example.test",
    "acme/Ünicode\u0000\u0085Bcc: evil@example.test",
  ])("takes no header from its subject: %j", async (subject) => {
    const settings = await mailServer();
    expect((await send(settings, { ...MESSAGE, subject })).outcome.kind).toBe("delivered");
    const [mail] = taken;
    expect(mail?.to).toEqual(["ops@example.test"]);
    const names = headersOf(mail?.raw ?? "").map(([name]) => name);
    expect(names).not.toContain("bcc");
    expect(new Set(names).size).toBe(names.length);
  });

  test("whose page is not one of ours has no link", async () => {
    for (const page of [
      "https://evil.example/",
      "//evil.example/",
      "javascript:alert(1)",
      "\\\\evil.example",
    ]) {
      const text = messageText({ ...MESSAGE, body: { ...MESSAGE.body, page } }, "https://slipway.example");
      expect(text.link === null || text.link.startsWith("https://slipway.example/"), page).toBe(true);
    }
  });
});

describe("a mail server", () => {
  const auth: Partial<SMTPServerOptions> = {
    authOptional: false,
    allowInsecureAuth: false,
    onAuth: ({ username, password }, _session, callback) => {
      if (username === "slip@way" && password === "p:w/d") callback(null, { user: username });
      else callback(new Error("Invalid username or password"));
    },
  };
  const secured = (settings: SmtpSettings, credentials = "slip%40way:p%3Aw%2Fd"): SmtpSettings => {
    const url = `smtp://${credentials}@127.0.0.1:${settings.port}`;
    const parsed = parseSmtpUrl(url, { from: settings.from, tls: "required" });
    if (parsed === undefined) throw new Error("the address is wrong");
    return { ...parsed, ca: certificate.cert };
  };

  test("gets name and password after STARTTLS", async () => {
    const settings = await mailServer({ ...certificate, ...auth, disabledCommands: [] });
    expect((await send(secured(settings))).outcome).toEqual({ kind: "delivered" });
    expect(taken).toMatchObject([{ secure: true, user: "slip@way" }]);
  });

  test("that offers no STARTTLS gets neither password nor mail", async () => {
    let asked = false;
    const settings = await mailServer({
      onAuth: (_auth, _session, callback) => {
        asked = true;
        callback(null, { user: "x" });
      },
      allowInsecureAuth: true,
    });
    expect((await send(secured(settings))).outcome.kind).toBe("failed");
    expect([asked, taken.length]).toEqual([false, 0]);
  });

  test("whose certificate nobody vouches for gets nothing", async () => {
    const settings = await mailServer({ ...certificate, ...auth, disabledCommands: [] });
    const { ca: _, ...unknown } = secured(settings);
    expect((await send(unknown)).outcome.kind).toBe("failed");
    expect(taken).toEqual([]);
  });

  test("takes TLS from the first byte with smtps", async () => {
    const settings = await mailServer({ ...certificate, secure: true });
    const parsed = parseSmtpUrl(`smtps://127.0.0.1:${settings.port}`, { from: settings.from });
    expect(parsed?.tls).toBe("implicit");
    expect((await send({ ...(parsed as SmtpSettings), ca: certificate.cert })).outcome.kind).toBe(
      "delivered",
    );
    expect(taken).toMatchObject([{ secure: true }]);
  });

  test("that refuses the login may take it later; the answer names no password", async () => {
    const settings = await mailServer({ ...certificate, ...auth, disabledCommands: [] });
    const result = await send(secured(settings, "slip%40way:wrong"));
    expect(result.outcome).toEqual({
      kind: "failed",
      error: "The mail server refused the login of this installation.",
    });
    expect(JSON.stringify(result)).not.toContain("wrong");
  });

  test.each([
    [451, "failed"],
    [421, "failed"],
    [550, "refused"],
    [554, "refused"],
  ])("that answers %i: %s", async (responseCode, kind) => {
    const settings = await mailServer({
      onRcptTo: (_address, _session, callback) => {
        callback(Object.assign(new Error("not now"), { responseCode }));
      },
    });
    expect(await send(settings)).toMatchObject({ statusCode: responseCode, outcome: { kind } });
    expect(taken).toEqual([]);
  });

  test("that takes some of the recipients has delivered, with a note", async () => {
    const settings = await mailServer({
      onRcptTo: ({ address }, _session, callback) => {
        if (address.startsWith("gone"))
          callback(Object.assign(new Error("no such user"), { responseCode: 550 }));
        else callback();
      },
    });
    expect(await send(settings, MESSAGE, ["ops@example.test", "gone@example.test"])).toEqual({
      outcome: { kind: "delivered" },
      statusCode: 250,
      note: "1 of 2 recipients were refused.",
    });
  });

  test("that is not there, or hangs, is tried again later", async () => {
    const hanging = await mailServer({ onConnect: () => {} });
    const started = performance.now();
    expect((await send(hanging, MESSAGE, undefined, 500)).outcome).toMatchObject({
      kind: "failed",
      error: "The mail server did not answer in time.",
    });
    expect(performance.now() - started).toBeLessThan(5_000);
    const [server] = open.splice(0, 1);
    await new Promise<void>((done) => server?.close(() => done()));
    expect((await send(hanging)).outcome).toMatchObject({
      kind: "failed",
      error: expect.stringMatching(/could not be used \(E/),
    });
  });
});

describe("the address of a mail server", () => {
  test.each([
    ["smtp://mail.example", "starttls", 587],
    ["smtp://mail.example:25", "starttls", 25],
    ["smtps://mail.example", "implicit", 465],
    ["smtp://localhost:2525", "none", 2525],
    ["smtp://127.0.0.1", "none", 587],
    ["smtp://[::1]:25", "none", 25],
    ["smtp://localhost.example.test", "starttls", 587],
    ["smtp://127.0.0.1.example.test", "starttls", 587],
  ])("%s means %s on port %i", (url, tls, port) => {
    expect(parseSmtpUrl(url, { from: "a@b.test" })).toMatchObject({ tls, port });
  });

  test("in clear to another machine only when that is said", () => {
    expect(parseSmtpUrl("smtp://mail.example", { from: "a@b.test", tls: "none" })?.tls).toBe("none");
    expect(parseSmtpUrl("smtp://localhost", { from: "a@b.test", tls: "required" })?.tls).toBe("starttls");
  });

  test.each(["mail.example", "http://mail.example", "smtp://", "smtp://a:%zz@mail.example"])(
    "%s is none",
    (text) => {
      expect(parseSmtpUrl(text, { from: "a@b.test" })).toBeUndefined();
    },
  );
});
