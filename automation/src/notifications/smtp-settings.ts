import { isIP } from "node:net";
import { z } from "zod";
import { mayReach } from "./addresses.ts";

/** How e-mail leaves this installation. The password is in memory only. */
export interface SmtpSettings {
  host: string;
  port: number;
  /** `implicit`: from the first byte (smtps). `starttls`: refused when the server does not offer it. `none`: in clear. */
  tls: "implicit" | "starttls" | "none";
  auth: { user: string; pass: string } | undefined;
  /** Sender's address. */
  from: string;
  /** Of a mail server whose certificate no public authority signed; PEM. */
  ca?: string;
}

const IMPLICIT_PORT = 465;
const SUBMISSION_PORT = 587;

/**
 * Reads smtp://user:password@host:587 or smtps://host. Without `tls` a server on this machine is spoken to in clear and any other must offer STARTTLS. Undefined when the text is no such
 * address.
 */
export function parseSmtpUrl(
  text: string,
  options: { from: string; tls?: "required" | "none" | undefined },
): SmtpSettings | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["smtp:", "smtps:"].includes(url.protocol) || url.hostname === "")
    return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isImplicit = url.protocol === "smtps:";
  const mode = options.tls ?? (isThisMachine(host) ? "none" : "required");
  try {
    const [user, pass] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
    return {
      host,
      port: url.port === "" ? (isImplicit ? IMPLICIT_PORT : SUBMISSION_PORT) : Number(url.port),
      tls: isImplicit ? "implicit" : mode === "required" ? "starttls" : "none",
      auth: user === "" ? undefined : { user, pass },
      from: options.from,
    };
  } catch {
    // A % that begins no escape.
    return undefined;
  }
}

/** An address of a sender: bare, so that nothing of it can become another header. */
export const SenderAddress = z.email("SLIPWAY_SMTP_FROM: an e-mail address");

function isThisMachine(host: string): boolean {
  if (host === "localhost") return true;
  return isIP(host) !== 0 && /^(?:127\.|::1$)/.test(host) && !mayReach(host, []);
}
