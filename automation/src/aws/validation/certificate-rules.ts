import { failed, passed, type Verdict } from "./check.ts";

const DAY_MS = 24 * 60 * 60_000;
/** A certificate that AWS renews by itself is renewed 60 days before its end; what has less than this left was not. */
const LEAST_DAYS_LEFT = 30;

/** A certificate as Certificate Manager has it. */
export interface StoredCertificate {
  status: string;
  type: string;
  notAfter: Date | null;
}

/** Issued, and more than 30 days left. */
export function judgeStored({ status, type, notAfter }: StoredCertificate, now: Date): Verdict {
  if (status !== "ISSUED") return failed(`the certificate is ${status}, not ISSUED`);
  if (notAfter === null) return failed("the certificate has no end");
  const renewal = type === "IMPORTED" ? "; it was imported, and AWS does not renew it" : "";
  return judgeEnd(notAfter, now, renewal);
}

/** More than 30 days to a certificate's end. */
export function judgeEnd(notAfter: Date, now: Date, addition = ""): Verdict {
  const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY_MS);
  const end = notAfter.toISOString().slice(0, 10);
  if (notAfter <= now) return failed(`the certificate expired on ${end}${addition}`);
  if (notAfter.getTime() - now.getTime() <= LEAST_DAYS_LEFT * DAY_MS)
    return failed(
      `the certificate expires on ${end}, in ${days} days; more than ${LEAST_DAYS_LEFT} are asked for${addition}`,
    );
  return passed(`valid until ${end}, for ${days} days${addition}`);
}

/** Whether what serves has the certificate that the manifest names. */
export function judgeUse(user: string, expected: string, used: string | null): Verdict {
  if (used === expected) return passed(`${user} uses it`);
  return failed(
    used === null ? `${user} has no certificate of its own` : `${user} uses another certificate: ${used}`,
  );
}

/** What a failed connection says about a certificate: `untrusted` when the server was reached and its certificate refused. */
export function handshakeFailure(code: string | undefined): "untrusted" | "unreachable" | "other" {
  if (code === undefined) return "other";
  if (UNREACHABLE.has(code)) return "unreachable";
  return /^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH|INVALID_CA|ERR_SSL)/.test(
    code,
  )
    ? "untrusted"
    : "other";
}

const UNREACHABLE: ReadonlySet<string> = new Set([
  "ENOTFOUND",
  "EAI_AGAIN",
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "validation_timeout",
]);
