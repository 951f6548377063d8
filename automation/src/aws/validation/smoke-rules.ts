import { z } from "zod";
import { parsed, shown } from "./api-rules.ts";
import { failed, passed, type Verdict, withLatency } from "./check.ts";
import type { Answer } from "./request.ts";

const HOUR_MS = 60 * 60_000;
const MARK = /^smoke-([0-9a-z]{1,11})-[0-9a-f]{8}$/;

/** What everything that one smoke run makes is called. It begins with the time, so that what a killed run left can be told from what a running one needs. */
export function markOf(now: Date, random: string): string {
  return `smoke-${now.getTime().toString(36)}-${random}`;
}

/** Whether a run removes a thing of this name: its own, and what runs before left more than an hour ago. */
export function isRemovable(name: string, own: string, now: Date): boolean {
  if (name === own) return true;
  const time = MARK.exec(name)?.[1];
  return time !== undefined && now.getTime() - Number.parseInt(time, 36) > HOUR_MS;
}

/** A thing that the API made: `id`, when it answered as it should. */
export function judgeMade(what: string, answer: Answer): { verdict: Verdict; id: string | null } {
  const { status, text, latencyMs } = answer;
  if (status !== 201)
    return { verdict: withLatency(failed(`the API answers ${status}: ${shown(text)}`), latencyMs), id: null };
  const made = z.looseObject({ id: z.string() }).safeParse(parsed(text));
  if (!made.success)
    return { verdict: withLatency(failed(`the answer has no id: ${shown(text)}`), latencyMs), id: null };
  return { verdict: withLatency(passed(`made ${what}`), latencyMs), id: made.data.id };
}

const StrategyAnswer = z.looseObject({
  templateId: z.string(),
  parameters: z.record(z.string(), z.number()),
});

/** A strategy has its template's values, the changed ones of the own template included. */
export function judgeFromTemplate(
  answer: Answer,
  template: { id: string; defaults: Readonly<Record<string, number>> },
): Verdict {
  const strategy = StrategyAnswer.safeParse(parsed(answer.text));
  if (!strategy.success) return failed(`the answer is no strategy: ${shown(answer.text)}`);
  const { templateId, parameters } = strategy.data;
  if (templateId !== template.id)
    return failed(`the strategy is made from ${templateId}, not ${template.id}`);
  const wrong = Object.entries(template.defaults).find(([name, value]) => parameters[name] !== value);
  if (wrong !== undefined)
    return failed(`its ${wrong[0]} is ${parameters[wrong[0]] ?? "absent"}, the template says ${wrong[1]}`);
  return withLatency(passed("made from the template, with its values"), answer.latencyMs);
}

/** What was stored reads back as it was given. */
export function judgeStored(answer: Answer, given: Readonly<Record<string, unknown>>): Verdict {
  if (answer.status !== 200) return failed(`reading it back answers ${answer.status}: ${shown(answer.text)}`);
  const stored = z.looseObject({}).safeParse(parsed(answer.text));
  if (!stored.success) return failed(`reading it back answers ${shown(answer.text)}`);
  const wrong = Object.entries(given).find(([name, value]) => stored.data[name] !== value);
  return wrong === undefined
    ? passed("made, and read back as given")
    : failed(`its ${wrong[0]} reads back as ${JSON.stringify(stored.data[wrong[0]])}`);
}

/** Whether a stream has said enough: one whole event. */
export function hasEvent(text: string): boolean {
  return /(^|\n)data:.*\r?\n\r?\n/s.test(text);
}

/** A stream of market data: events with at least one price. https://html.spec.whatwg.org/multipage/server-sent-events.html */
export function judgeStream(answer: Answer): Verdict {
  const { status, headers, text, latencyMs } = answer;
  if (status !== 200) return withLatency(failed(`the stream answers ${status}: ${shown(text)}`), latencyMs);
  if (!/^text\/event-stream\b/.test(headers["content-type"] ?? ""))
    return failed(`the stream is ${headers["content-type"] ?? "of no type"}`);
  if (!hasEvent(text)) return failed("the stream ended without an event");
  const data = [...text.matchAll(/^data: ?(.*)$/gm)].map((match) => parsed(match[1] ?? ""));
  return data.some(hasPrice)
    ? withLatency(passed("a price arrived"), latencyMs)
    : failed(`its events hold no price: ${shown(text)}`);
}

function hasPrice(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if ("price" in value && typeof value.price === "number") return value.price > 0;
  return Object.values(value).some(hasPrice);
}

const AuditAnswer = z.looseObject({
  items: z.array(z.looseObject({ action: z.string(), subjectId: z.string() })),
});

/** The record of changes has an entry of an action on a subject. */
export function judgeAudit(answer: Answer, action: string, subjectId: string): Verdict {
  if (answer.status !== 200) return failed(`the audit answers ${answer.status}: ${shown(answer.text)}`);
  const audit = AuditAnswer.safeParse(parsed(answer.text));
  if (!audit.success) return failed(`the audit answers ${shown(answer.text)}`);
  const isThere = audit.data.items.some((one) => one.action === action && one.subjectId === subjectId);
  return isThere
    ? withLatency(passed(`${action} is recorded`), answer.latencyMs)
    : failed(`${action} of ${subjectId} is not recorded`);
}

/** How one removal went. 404: it was removed before. */
export function judgeRemovals(removals: readonly { what: string; status: number }[]): Verdict {
  const bad = removals.filter(({ status }) => status !== 204 && status !== 200 && status !== 404);
  if (bad.length > 0)
    return failed(`not removed: ${bad.map(({ what, status }) => `${what} (${status})`).join(", ")}`);
  return passed(
    removals.length === 0
      ? "nothing was left to remove"
      : `removed ${removals.map(({ what }) => what).join(", ")}`,
  );
}
