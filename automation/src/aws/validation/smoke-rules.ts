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

const Ticks = z.looseObject({
  items: z.array(z.looseObject({ quotes: z.array(z.looseObject({ price: z.number() })) })),
  next: z.string(),
  pollAfterMs: z.number(),
});

/** Where the next prices begin, and when to ask for them; null when an answer is none of market data. */
export function nextTicks(answer: Answer): { next: string; pollAfterMs: number } | null {
  const ticks = Ticks.safeParse(parsed(answer.text));
  return ticks.success ? { next: ticks.data.next, pollAfterMs: ticks.data.pollAfterMs } : null;
}

/** Market data: prices, and newer ones for who asks again where the answer before ended. */
export function judgeTicks(first: Answer, later: Answer): Verdict {
  const answers = [first, later].map((answer) => ({ answer, ticks: Ticks.safeParse(parsed(answer.text)) }));
  for (const { answer, ticks } of answers) {
    if (answer.status !== 200) return failed(`the prices answer ${answer.status}: ${shown(answer.text)}`);
    if (!ticks.success) return failed(`the prices answer ${shown(answer.text)}`);
    const prices = ticks.data.items.flatMap(({ quotes }) => quotes.map(({ price }) => price));
    if (prices.some((price) => !(price > 0))) return failed("a price is not above zero");
    if (prices.length === 0)
      return failed(answer === first ? "there are no prices" : "no newer price arrived");
  }
  return withLatency(passed("prices arrive, and newer ones after them"), first.latencyMs);
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

/** How the removals went. 404 of a thing: it was removed before. */
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
