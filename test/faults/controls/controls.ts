import type { Violation } from "../checks.ts";
import type { Victim } from "../victims.ts";
import type { Patch } from "./patches.ts";
import { carelessGuardian } from "./patches.ts";

/** A protection that is taken away, and the rule that must be seen broken then. */
export interface Control {
  name: string;
  point: string;
  victim: Victim;
  /** The stack asks for a vote, whatever the point says. */
  needsVote?: boolean;
  /** Any of these shows that the harness sees it. */
  shows: readonly Violation["rule"][];
  server?: readonly Patch[];
  worker?: readonly Patch[];
  /** The worker's guardian is replaced. */
  guardianIsCareless?: boolean;
}

export const CONTROLS: readonly Control[] = [
  {
    name: "guardian off",
    point: "K8",
    victim: "frozen-worker",
    shows: ["N5"],
    guardianIsCareless: true,
  },
  {
    name: "epoch check off",
    point: "K9",
    victim: "frozen-worker",
    shows: ["N5"],
    server: [
      {
        file: "state/journal-store.ts",
        find: "and w.holder = coalesce(u.attempt_id, u.id) and w.epoch = u.epoch and w.expires_at > now()",
        replace: "",
      },
      {
        file: "state/journal-store.ts",
        find: "and u.status = 'running' and not u.dry_run",
        replace: "and not u.dry_run",
      },
    ],
  },
  {
    name: "requeue after the update has begun",
    point: "K8",
    victim: "worker",
    shows: ["N6"],
    worker: [
      {
        file: "attempts/rules.ts",
        find: "if (changing !== undefined && !isComplete) {",
        replace: 'if (changing !== undefined && !isComplete) { return { kind: "requeue" };',
      },
    ],
  },
  {
    name: "events without fence",
    point: "K8",
    victim: "stalled-worker",
    shows: ["N8"],
    worker: [
      { file: "deployments/events-store.ts", find: "fence === null", replace: "fence === null || true" },
      // Nor does the worker notice by its renewal.
      {
        file: "pipeline/lease-keeper.ts",
        find: "if (renewed === null) {",
        replace: "if (false as boolean) {",
      },
    ],
  },
  {
    name: "audit entries left out",
    point: "K2",
    victim: "server",
    shows: ["N2"],
    server: [
      {
        file: "audit/store.ts",
        find: "export async function appendAudit(trx: Transaction, fact: AuditFact): Promise<void> {",
        replace:
          'export async function appendAudit(trx: Transaction, fact: AuditFact): Promise<void> { if (fact.action === "deployment.requested") return;',
      },
    ],
  },
  {
    name: "idempotency keys ignored",
    point: "K1",
    victim: "server",
    shows: ["N1"],
    server: [
      { file: "http/idempotency.ts", find: 'if (typeof key !== "string") {', replace: "if (key !== null) {" },
    ],
  },
  {
    name: "lost attempts are not taken over",
    point: "K7",
    victim: "worker",
    shows: ["N4"],
    worker: [
      {
        file: "pipeline/take-over.ts",
        find: "for (;;) {\n    const lost = await takeOverOne(context);",
        replace: "for (;;) {\n    const lost = undefined as LostAttempt | undefined;",
      },
    ],
  },
  {
    name: "a change begins without its votes",
    point: "K12",
    victim: "server",
    needsVote: true,
    shows: ["N12"],
    worker: [
      {
        file: "approvals/begin.ts",
        find: 'if (changing.cause === "automatic-rollback") return',
        replace: 'if (changing.cause !== "") return',
      },
    ],
  },
  {
    name: "secrets are not made unreadable",
    point: "K12",
    victim: "server",
    shows: ["N11"],
    worker: [
      {
        file: "pipeline/run-engine.ts",
        find: "secrets: [...secrets, token],",
        replace: "secrets: [],",
      },
    ],
  },
  {
    name: "folders of lost attempts are left",
    point: "K8",
    victim: "worker",
    shows: ["N10"],
    worker: [
      {
        file: "pipeline/work-folders.ts",
        find: 'const kept = path.join(path.resolve(dataDir), "failures", stackId);',
        replace:
          'if (stackId !== "") return; const kept = path.join(path.resolve(dataDir), "failures", stackId);',
      },
      {
        file: "pipeline/work-folders.ts",
        find: 'await rm(path.join(path.resolve(dataDir), "attempts", workerId), { recursive: true, force: true });',
        replace: "",
      },
    ],
  },
];

/** The patches of a control's workers, with what has to be written for them. */
export function workerPatches(control: Control, folder: string): Patch[] {
  return [
    ...(control.worker ?? []),
    ...(control.guardianIsCareless === true ? [carelessGuardian(folder)] : []),
  ];
}
