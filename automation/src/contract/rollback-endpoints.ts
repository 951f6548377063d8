import { z } from "zod";
import { Deployment } from "./deployments.ts";
import { Id, StackPath } from "./identifiers.ts";
import { Quarantine, SetQuarantine } from "./releases.ts";
import {
  DecideHold,
  GiveConsent,
  RollbackSettings,
  SetRollbackSettings,
  VerificationMove,
} from "./verification.ts";

const STACK = "/v1/stacks/:organisation/:project/:stack";
const byId = z.strictObject({ id: Id });

/** Of held deployments, of rollbacks and of what is refused; part of `endpoints`. */
export const rollbackEndpoints = {
  listVerificationMoves: {
    method: "GET",
    path: "/v1/deployments/:id/verification",
    about: "deployment",
    summary: "How a deployment came to be verified, held or undone: every move with reason and evidence",
    permission: "stack.read",
    params: byId,
    success: { status: 200, body: z.object({ items: z.array(VerificationMove) }) },
  },
  decideHold: {
    method: "POST",
    path: "/v1/deployments/:id/hold",
    about: "deployment",
    summary: "Decide about a held deployment: keep what it left, or roll it back",
    permission: "stack.deploy",
    params: byId,
    body: DecideHold,
    success: { status: 200, body: Deployment },
  },
  giveConsent: {
    method: "POST",
    path: "/v1/deployments/:id/consent",
    about: "deployment",
    summary: "Agree to the irreversible steps of a rollback, each by its id",
    permission: "stack.deploy",
    params: byId,
    body: GiveConsent,
    success: { status: 200, body: Deployment },
  },
  setQuarantine: {
    method: "POST",
    path: `${STACK}/quarantines`,
    summary: "Refuse the source and config of a release on the stack",
    permission: "stack.deploy",
    params: StackPath,
    body: SetQuarantine,
    success: { status: 201, body: Quarantine },
  },
  getRollbackSettings: {
    method: "GET",
    path: `${STACK}/rollback-settings`,
    summary: "What the stack does when an update goes wrong",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: RollbackSettings },
  },
  setRollbackSettings: {
    method: "PUT",
    path: `${STACK}/rollback-settings`,
    summary: "Set it; what is left out stays",
    permission: "stack.protect",
    params: StackPath,
    body: SetRollbackSettings,
    success: { status: 200, body: RollbackSettings },
  },
} as const;
