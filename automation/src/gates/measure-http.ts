import { isDeepStrictEqual } from "node:util";
import { messageOf, systemCode } from "../errors.ts";
import type { HttpCheck } from "../sources/slipway-yaml.ts";
import type { Verdict } from "./rules.ts";

const MAX_BODY_CHARACTERS = 1_000_000;
/** Answers of the network about the thing that is looked at: it is not there. Everything else is the gate's own trouble. */
const NOT_THERE = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "UND_ERR_SOCKET",
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
]);

/** Asks once. Never throws; a redirect is an answer like any other. */
export async function measureHttp(
  check: HttpCheck,
  outputs: Readonly<Record<string, unknown>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<{ verdict: Verdict; detail: string }> {
  const address = addressOf(check, outputs);
  if ("verdict" in address) return address;
  const { url } = address;
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.any([timeout, signal]),
      headers: { accept: "application/json, */*" },
    });
    const body = await response.text();
    if (response.status !== check.expectStatus) {
      return {
        verdict: "fail",
        detail: `GET ${url} answered ${response.status}, expected ${check.expectStatus}`,
      };
    }
    const wrong =
      check.expectJson === undefined ? null : mismatch(body.slice(0, MAX_BODY_CHARACTERS), check.expectJson);
    return wrong === null
      ? { verdict: "pass", detail: `GET ${url} answered ${response.status}` }
      : { verdict: "fail", detail: `GET ${url} answered ${response.status}, but ${wrong}` };
  } catch (error) {
    if (timeout.aborted)
      return { verdict: "fail", detail: `GET ${url} did not answer within ${timeoutMs / 1000} s` };
    const cause = error instanceof Error ? error.cause : undefined;
    const code = systemCode(cause) ?? systemCode(error);
    const detail = `GET ${url}: ${code ?? messageOf(cause ?? error)}`;
    return { verdict: code !== undefined && NOT_THERE.has(code) ? "fail" : "error", detail };
  }
}

function addressOf(
  check: HttpCheck,
  outputs: Readonly<Record<string, unknown>>,
): { url: string } | { verdict: Verdict; detail: string } {
  const base = check.url ?? outputs[check.output ?? ""];
  if (base === undefined) return { verdict: "error", detail: `the stack has no output '${check.output}'` };
  if (base === null || base === "")
    return { verdict: "inconclusive", detail: `the output '${check.output}' has no value` };
  const url = typeof base === "string" && URL.canParse(base) ? new URL(base) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return { verdict: "error", detail: `the output '${check.output}' is not an http address` };
  }
  if (check.path !== undefined) url.pathname = url.pathname.replace(/\/$/, "") + check.path;
  return { url: url.href };
}

function mismatch(body: string, expected: Record<string, unknown>): string | null {
  let answer: unknown;
  try {
    answer = JSON.parse(body);
  } catch {
    // The reason is the answer's, not ours; the sentence says all there is.
    return "the body is not JSON";
  }
  for (const [key, value] of Object.entries(expected)) {
    const actual =
      typeof answer === "object" && answer !== null
        ? Object.getOwnPropertyDescriptor(answer, key)?.value
        : undefined;
    if (!isDeepStrictEqual(actual, value)) {
      return `${key} is ${JSON.stringify(actual)?.slice(0, 200) ?? "missing"}, expected ${JSON.stringify(value)}`;
    }
  }
  return null;
}
