import { setTimeout as pause } from "node:timers/promises";
import { appendAudit } from "../audit/store.ts";
import { subjectOf } from "../audit/subject.ts";
import type { Alarm } from "../contract/monitoring.ts";
import type { Database } from "../database.ts";
import { SLIPWAY } from "../deployments/completion.ts";
import { stuckRuns } from "../deployments/stuck-store.ts";
import { messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { enqueueNotification } from "../notifications/outbox-store.ts";
import { insertAlarm } from "./alarms-store.ts";
import type { Finding } from "./detector-store.ts";
import { findDoubleExecutions } from "./detector-store.ts";

/** How late something that must never be is noticed. */
const DETECT_EVERY_MS = 10_000;

/** What the detector works with. */
export interface DetectorDependencies {
  db: Database;
  logger: Pick<Logger, "error">;
  /** Told after each look that went through. */
  onPass?: () => void;
  /** Shorter in tests. */
  everyMs?: number;
}

/**
 * Looks for runs that were executed twice or beside another, and for such that nobody will end, until `signal` aborts. Each is told once: an alarm, an audit entry
 * and a notification in one transaction. Runs in every server; never rejects.
 */
export async function detectDoubleExecutions(deps: DetectorDependencies, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await detectOnce(deps);
      deps.onPass?.();
    } catch (error) {
      deps.logger.error({ error: messageOf(error) }, "double executions could not be looked for");
    }
    // The only rejection is the abort, which the loop looks at.
    await pause(deps.everyMs ?? DETECT_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

/** Looks once. Answers the alarms that are new. */
export async function detectOnce({ db, logger }: DetectorDependencies): Promise<Alarm[]> {
  const stuck = (await stuckRuns(db)).map(
    ({ kind, id, stackId, since }): Finding => ({
      kind: "stuck-run",
      fingerprint: `stuck-run ${kind} ${id}`,
      stackId,
      detail: `${id} has neither an owner nor a timer since ${since} (${kind})`,
    }),
  );
  const alarms: Alarm[] = [];
  for (const finding of [...(await findDoubleExecutions(db)), ...stuck]) {
    const alarm = await raise(db, finding);
    if (alarm === undefined) continue;
    logger.error(
      { alarm: alarm.id, kind: alarm.kind, detail: alarm.detail },
      "something was found that must never be",
    );
    alarms.push(alarm);
  }
  return alarms;
}

function raise(db: Database, finding: Finding): Promise<Alarm | undefined> {
  return db.transaction().execute(async (trx) => {
    const alarm = await insertAlarm(trx, finding);
    if (alarm === undefined) return undefined;
    const subject = subjectOf(alarm);
    const { organisation } = alarm;
    await appendAudit(trx, {
      principal: SLIPWAY,
      action: "alarm.raised",
      organisation,
      subject,
      details: { alarm: alarm.id, kind: alarm.kind, detail: alarm.detail },
      requestId: null,
    });
    await enqueueNotification(trx, {
      organisation,
      kind: "double_execution",
      subject,
      body: {
        what: `${alarm.detail}.`,
        who: null,
        why: "Two executions of one run were found, or one that nobody will end.",
        nextAction:
          "Pause the stack, compare its state with what is there (a refresh), and keep the logs of servers and workers.",
        page: `/stacks/${subject}`,
      },
      dedupeKey: finding.fingerprint,
    });
    return alarm;
  });
}
