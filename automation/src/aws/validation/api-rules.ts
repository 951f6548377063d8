import { z } from "zod";
import { failed, passed, type Verdict, withLatency } from "./check.ts";
import type { Answer } from "./request.ts";

const SHOWN_CHARACTERS = 300;
const LOWEST_SERVER_ERROR = 500;

/** The part of a health answer that is looked at. */
const Health = z.looseObject({ version: z.string().optional(), category: z.string().optional() });

/** The address of a path of the API. */
export function apiAddress(apiUrl: string, path: string): string {
  return `${apiUrl.replace(/\/+$/, "")}${path}`;
}

/** Whether the API's gateway is there at all; it need not serve its own root. */
export function judgeBase({ status, latencyMs }: Answer): Verdict {
  const verdict =
    status < LOWEST_SERVER_ERROR
      ? passed(`the gateway answers (${status})`)
      : failed(`the gateway answers ${status}`);
  return withLatency(verdict, latencyMs);
}

/** A function works when its health path answers 200, and it is this function that answers. */
export function judgeHealth(category: string, answer: Answer): Verdict {
  const { status, text, latencyMs } = answer;
  if (status !== 200) return withLatency(failed(`it answers ${status}: ${shown(text)}`), latencyMs);
  const health = Health.safeParse(parsed(text));
  if (!health.success) return withLatency(failed(`its answer is no health: ${shown(text)}`), latencyMs);
  const { version, category: answering } = health.data;
  if (answering !== undefined && answering !== category)
    return withLatency(failed(`the function ${answering} answers there`), latencyMs);
  return withLatency(passed(version === undefined ? "healthy" : `healthy, version ${version}`), latencyMs);
}

/** The beginning of an answer in one line. */
export function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  if (line === "") return "(nothing)";
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS)}…`;
}

/** A text as JSON, or undefined when it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller's schema refuses it in its own words.
    return undefined;
  }
}
