import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { SlipwayError } from "../../errors.ts";
import { apiAddress, parsed, shown } from "./api-rules.ts";
import { notApplicable, type PlannedCheck, type Verdict } from "./check.ts";
import type { Requester, RequestOptions } from "./request.ts";
import type { Scope } from "./scope.ts";
import {
  isRemovable,
  judgeAudit,
  judgeFromTemplate,
  judgeMade,
  judgeRemovals,
  judgeStored,
  judgeTicks,
  markOf,
  nextTicks,
} from "./smoke-rules.ts";

const ALGORITHM = "sma-cross";
const RISK = { maxPositionPercent: 20, stopLossPercent: 5, maxDrawdownPercent: 15 };
/** The sample's prices are seconds apart. */
const NEWER_PRICE_LIMIT_MS = 20_000;
/** Removing does not end with the validation: it has its own time. */
const REMOVAL_LIMIT_MS = 15_000;

/** Lists whose members have a name or an id of this run's, in the order in which they can be removed. */
const MADE = ["strategies", "risk-profiles", "templates"] as const;

/** Makes a template, a strategy from it and a risk profile, reads prices and the audit, and removes what it made: each step after the one before. */
export function smokeChecks(
  scope: Pick<Scope, "manifest" | "request" | "now" | "context">,
): readonly PlannedCheck[] {
  const mark = markOf(scope.now(), randomBytes(4).toString("hex"));
  const call = caller(scope);
  const made: { template: string | null; strategy: string | null } = { template: null, strategy: null };
  const defaults = { fastDays: 7 };

  const steps: readonly (PlannedCheck & { needs: readonly string[] })[] = [
    {
      check: "template",
      needs: ["templates"],
      look: async () => {
        const body = {
          id: mark,
          name: mark,
          description: "made by a validation",
          algorithm: ALGORITHM,
          defaults,
        };
        const { verdict, id } = judgeMade("a template", await call("/templates", { method: "POST", body }));
        made.template = id;
        return verdict;
      },
    },
    {
      check: "strategy",
      needs: ["strategies", "market-data"],
      look: async () => {
        if (made.template === null) return notApplicable("there is no template to make it from");
        const { symbol } = await instrument(call);
        const body = { name: mark, templateId: made.template, symbol };
        const answer = await call("/strategies", { method: "POST", body });
        const { verdict, id } = judgeMade("a strategy", answer);
        made.strategy = id;
        return id === null ? verdict : judgeFromTemplate(answer, { id: made.template, defaults });
      },
    },
    {
      check: "risk profile",
      needs: ["risk-profiles"],
      look: async () => {
        const body = { name: mark, ...RISK };
        const { verdict, id } = judgeMade("it", await call("/risk-profiles", { method: "POST", body }));
        return id === null ? verdict : judgeStored(await call(`/risk-profiles/${id}`), body);
      },
    },
    { check: "market data", needs: ["market-data"], look: () => marketData(call, scope.context.signal) },
    {
      check: "audit",
      needs: ["audit"],
      look: async () => {
        if (made.strategy === null)
          return notApplicable("there is no strategy whose entry could be looked for");
        const answer = await call(`/audit?subjectId=${made.strategy}`);
        return judgeAudit(answer, "strategy.created", made.strategy);
      },
    },
    { check: "clean-up", needs: [], isCleanUp: true, look: () => cleanUp(scope, call, mark) },
  ];
  return steps.map((step) => withNeeds(scope, step));
}

type Call = (path: string, options?: RequestOptions) => ReturnType<Requester>;

function caller({ manifest, request }: Pick<Scope, "manifest" | "request">): Call {
  const base = apiAddress(manifest.api.url, manifest.api.basePath ?? "");
  return (path, options) => request(`${base}${path}`, options);
}

/** Steps whose function the stack has not are not applicable. */
function withNeeds(
  { manifest }: Pick<Scope, "manifest">,
  { needs, ...step }: PlannedCheck & { needs: readonly string[] },
): PlannedCheck {
  const missing = needs.find((name) => manifest.functions[name] === undefined);
  if (missing === undefined) return step;
  return { ...step, look: async () => notApplicable(`the stack has no function ${missing}`) };
}

/** Follows the prices of one instrument until newer ones came than those of the first answer. */
async function marketData(call: Call, signal: AbortSignal): Promise<Verdict> {
  const { symbol } = await instrument(call);
  const path = `/market-data/ticks?symbols=${encodeURIComponent(symbol)}`;
  const first = await call(path);
  let later = first;
  const end = performance.now() + NEWER_PRICE_LIMIT_MS;
  for (let at = nextTicks(first); at !== null && performance.now() < end; at = nextTicks(later)) {
    await sleep(Math.min(at.pollAfterMs, NEWER_PRICE_LIMIT_MS), undefined, { signal });
    later = await call(`${path}&after=${encodeURIComponent(at.next)}`);
    if (nextTicks(later)?.next !== at.next) break;
  }
  return judgeTicks(first, later);
}

const Instruments = z.looseObject({ items: z.array(z.looseObject({ symbol: z.string() })).min(1) });

/** The first instrument that the API trades. */
async function instrument(call: Call): Promise<{ symbol: string }> {
  const answer = await call("/market-data/instruments");
  const { data } = Instruments.safeParse(parsed(answer.text));
  const first = answer.status === 200 ? data?.items[0] : undefined;
  if (first !== undefined) return first;
  throw new SlipwayError(
    "validation_answer",
    `The instruments answer ${answer.status}: ${shown(answer.text)}`,
  );
}

const Listed = z.looseObject({
  items: z.array(z.looseObject({ id: z.string(), name: z.string() })),
});

/** Removes by name, not by what the steps remember: an answer may have been lost after the thing was made. One list that fails leaves the others to be tidied. */
async function cleanUp(scope: Pick<Scope, "manifest" | "now">, call: Call, mark: string): Promise<Verdict> {
  const signal = AbortSignal.timeout(REMOVAL_LIMIT_MS);
  const removals: { what: string; status: number }[] = [];
  for (const kind of MADE.filter((one) => scope.manifest.functions[one] !== undefined)) {
    const list = await call(`/${kind}${kind === "templates" ? "" : "?limit=100"}`, { signal });
    const listed = Listed.safeParse(parsed(list.text));
    if (list.status !== 200 || !listed.success) {
      removals.push({ what: `what was made of ${kind}, which cannot be listed`, status: list.status });
      continue;
    }
    for (const { id, name } of listed.data.items.filter((one) => isRemovable(one.name, mark, scope.now()))) {
      const { status } = await call(`/${kind}/${id}`, { method: "DELETE", signal });
      removals.push({ what: `${kind}/${name}`, status });
    }
  }
  return judgeRemovals(removals);
}
