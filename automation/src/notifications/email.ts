import type SMTPTransport from "nodemailer/lib/smtp-transport/index.js";
import { systemCode } from "../errors.ts";
import type { MessageText } from "./message.ts";
import { oneLine } from "./message.ts";
import type { SmtpSettings } from "./smtp-settings.ts";
import type { TryResult } from "./try-result.ts";
import { failed, refused } from "./try-result.ts";

/** From the connection to the server's word on the message. */
const EMAIL_TIMEOUT_MS = 25_000;
const STEP_TIMEOUT_MS = 10_000;
const LONGEST_REPLY = 200;
const AUTHENTICATION_REFUSED = "EAUTH";
/** What nodemailer says of a step that takes too long. */
const STEP_TIMED_OUT = "ETIMEDOUT";
/** What nodemailer calls a reply about sender and recipients, or about the mail itself. */
const MESSAGE_REFUSED = ["EENVELOPE", "EMESSAGE"];
const PERMANENT = 500;

export interface EmailRequest {
  /** Of the message: becomes the Message-ID, the same in every try. */
  id: string;
  to: readonly string[];
  text: MessageText;
}

/**
 * Sends one e-mail. A reply 4xx, no connection or a refused login may end otherwise later; a 5xx about recipients or mail is the server's last word. Never throws for what the server does. Aborting
 * `stopping` gives it up; a connection on which nothing comes ends with the time of its step.
 */
export async function sendEmail(
  { id, to, text }: EmailRequest,
  settings: SmtpSettings,
  stopping: AbortSignal,
  timeoutMs = EMAIL_TIMEOUT_MS,
): Promise<TryResult> {
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), stopping]);
  // Only who sends e-mail pays for loading it.
  const { createTransport } = (await import("nodemailer")).default;
  const transport = createTransport(transportOptions(settings, Math.min(STEP_TIMEOUT_MS, timeoutMs)));
  const close = (): void => transport.close();
  const gaveUp = new Promise<never>((_, reject) => {
    const give = (): void => {
      close();
      reject(new Error("aborted"));
    };
    if (signal.aborted) give();
    signal.addEventListener("abort", give, { once: true });
  });
  try {
    const sending = transport.sendMail({
      from: { name: "Slipway", address: settings.from },
      to: to.map((address) => ({ name: "", address })),
      subject: oneLine(text.heading),
      messageId: `<${id}@${settings.from.split("@").at(-1) ?? "slipway"}>`,
      headers: { "Slipway-Message-Id": id, "Auto-Submitted": "auto-generated" },
      text: plainText(text),
      html: htmlText(text),
      disableFileAccess: true,
      disableUrlAccess: true,
    });
    const { rejected } = (await Promise.race([sending, gaveUp])) as SMTPTransport.SentMessageInfo;
    if (rejected.length === 0) return { outcome: { kind: "delivered" }, statusCode: 250 };
    // Sent again it would reach those twice who have it.
    return {
      outcome: { kind: "delivered" },
      statusCode: 250,
      note: `${rejected.length} of ${to.length} recipients were refused.`,
    };
  } catch (error) {
    if (stopping.aborted) return failed("The server was stopped during this try.");
    if (signal.aborted || systemCode(error) === STEP_TIMED_OUT)
      return failed("The mail server did not answer in time.");
    return resultOf(error);
  } finally {
    close();
  }
}

function transportOptions(
  { host, port, tls, auth, ca }: SmtpSettings,
  stepTimeoutMs: number,
): SMTPTransport.Options {
  return {
    host,
    port,
    secure: tls === "implicit",
    requireTLS: tls === "starttls",
    ignoreTLS: tls === "none",
    tls: { minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) },
    ...(auth === undefined ? {} : { auth }),
    connectionTimeout: stepTimeoutMs,
    greetingTimeout: stepTimeoutMs,
    socketTimeout: stepTimeoutMs,
    dnsTimeout: stepTimeoutMs,
  };
}

function resultOf(error: unknown): TryResult {
  const code = systemCode(error);
  const reply = error as { responseCode?: unknown; response?: unknown };
  const statusCode = typeof reply.responseCode === "number" ? reply.responseCode : null;
  if (code === AUTHENTICATION_REFUSED)
    return failed("The mail server refused the login of this installation.", statusCode);
  if (statusCode === null) return failed(`The mail server could not be used (${code ?? "no connection"}).`);
  const said = typeof reply.response === "string" ? oneLine(reply.response).slice(0, LONGEST_REPLY) : "";
  const sentence = `The mail server answered ${said === "" ? statusCode : said}`;
  // Any other 5xx is about the session (no STARTTLS, a blocked sender), which the operator can put right.
  const isAboutMessage = code !== undefined && MESSAGE_REFUSED.includes(code);
  return statusCode >= PERMANENT && isAboutMessage
    ? refused(sentence, statusCode)
    : failed(sentence, statusCode);
}

function plainText({ lines, link }: MessageText): string {
  const all = lines.map(([label, text]) => `${label}: ${text}`);
  return [...all, ...(link === null ? [] : ["", link]), ""].join("\n");
}

function htmlText({ heading, lines, link }: MessageText): string {
  const rows = lines.map(
    ([label, text]) =>
      `<tr><th align="left" valign="top">${escaped(label)}</th><td>${escaped(text)}</td></tr>`,
  );
  const open = link === null ? "" : `<p><a href="${escaped(link)}">Open in Slipway</a></p>`;
  return `<!doctype html><html><body><h3>${escaped(heading)}</h3><table cellpadding="4">${rows.join("")}</table>${open}</body></html>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "").replaceAll("\n", "<br>");
}
