import { isDeepStrictEqual } from "node:util";
import type { Gate, HttpCheck } from "../contract/gates.ts";
import { addressOf, appendPath, fill } from "./address.ts";
import type { HttpAnswer } from "./http-answer.ts";
import { describeBody, getOnce, parseJson } from "./http-answer.ts";
import type { Look, Surroundings } from "./look.ts";

const MAX_SHOWN = 200;

/** Asks once; the value is how many milliseconds the answer took. What does not answer fails, what answers without a body where JSON is wanted has no data. Never throws. */
export async function measureHttp(
  check: HttpCheck,
  { noData, timeoutSeconds }: Pick<Gate, "noData" | "timeoutSeconds">,
  surroundings: Surroundings,
): Promise<Look> {
  const address = addressOf(check, surroundings);
  if ("look" in address) return address.look;
  const { url } = address;
  if (check.path !== undefined) {
    const path = fill(check.path, surroundings, encodeURIComponent, 0);
    if ("look" in path) return path.look;
    const [pathname = "", ...query] = path.text.split("?");
    appendPath(url, pathname);
    if (query.length > 0) url.search = query.join("?");
  }
  const answer = await getOnce(url, timeoutSeconds * 1000, surroundings.signal);
  if (!("status" in answer)) {
    const verdict = answer.timedOut || answer.isAbsent ? "fail" : "error";
    const verb = answer.timedOut ? "" : ":";
    return { verdict, detail: `GET ${url.href}${verb} ${answer.reason}`, value: null };
  }
  const value = Math.round(answer.tookMs);
  const wrong = wrongWith(check, answer);
  if (wrong === undefined) {
    return { verdict: "pass", detail: `GET ${url.href} answered ${answer.status} in ${value} ms`, value };
  }
  return {
    verdict: wrong === NO_DATA ? (noData ?? "inconclusive") : "fail",
    detail: `GET ${url.href} answered ${answer.status}${wrong}`,
    value,
  };
}

const NO_DATA = ", but no data: the body is empty";

function wrongWith(check: HttpCheck, answer: HttpAnswer): string | undefined {
  if (answer.status !== check.expectStatus) return `, expected ${check.expectStatus}`;
  for (const [name, text] of Object.entries(check.expectHeaders ?? {})) {
    const actual = answer.headers.get(name);
    if (actual === null) return `, but without the header ${name}`;
    if (!actual.includes(text)) return `, but ${name} is ${shown(actual)}, expected ${shown(text)}`;
  }
  const wrong = check.expectJson === undefined ? undefined : mismatch(answer, check.expectJson);
  if (wrong !== undefined) return wrong;
  const took = Math.round(answer.tookMs);
  if (check.maxLatencyMs !== undefined && answer.tookMs > check.maxLatencyMs)
    return ` after ${took} ms, expected at most ${check.maxLatencyMs} ms`;
  return undefined;
}

function mismatch(answer: HttpAnswer, expected: Record<string, unknown>): string | undefined {
  if (answer.body.trim() === "") return NO_DATA;
  const parsed = parseJson(answer.body);
  if (parsed === undefined) return `, but ${describeBody(answer)}`;
  for (const [key, value] of Object.entries(expected)) {
    const actual =
      typeof parsed === "object" && parsed !== null
        ? Object.getOwnPropertyDescriptor(parsed, key)?.value
        : undefined;
    if (!isDeepStrictEqual(actual, value)) {
      return `, but ${key} is ${actual === undefined ? "missing" : shown(actual)}, expected ${shown(value)}`;
    }
  }
  return undefined;
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "").slice(0, MAX_SHOWN);
}
