import { isTerminal } from "../../automation/src/deployments/rules.ts";
import { decide } from "./approval-statements.ts";
import type { Rules } from "./rules.ts";
import { move } from "./statements.ts";
import type { Trx } from "./store.ts";

/** What a cancel comes to. */
export function cancel(trx: Trx, rules: Rules, id: string, by: string): "cancelled" | "asked" | "too late" {
  const deployment = trx.get("deployments", id);
  if (isTerminal(deployment.status)) return "too late";
  switch (rules.decideCancel({ status: deployment.status, cancelRequested: deployment.cancelRequested })) {
    case "already-asked":
      return "asked";
    case "asked":
      trx.put("deployments", { ...deployment, cancelRequested: true });
      if (rules.habits.auditsCancels)
        trx.audit({ action: "deployment.cancel_requested", subject: id, principal: by });
      return "asked";
    case "ended-now": {
      const approval = trx.find("approvals", id);
      if (approval !== undefined) {
        const decision = decide(trx, rules, id, { kind: "cancel", by });
        if (decision.kind === "changed") trx.put("approvals", { id, ...decision.approval });
      }
      move(trx, rules, id, "cancelled", by);
      return "cancelled";
    }
  }
}

export function setPause(trx: Trx, id: string, isPaused: boolean, by: string): void {
  if ((trx.find("pauses", id)?.isPaused ?? false) === isPaused) return;
  trx.put("pauses", { id, isPaused });
  trx.audit({ action: isPaused ? "queue.paused" : "queue.resumed", subject: id, principal: by });
}
