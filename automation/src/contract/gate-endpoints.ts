import { z } from "zod";
import type { Endpoint } from "./endpoint.ts";
import { Gate, GateEvidence, GateName, GatePhase, RequiredGate, RequiredGates } from "./gates.ts";
import { Id, StackPath } from "./identifiers.ts";

const STACK = "/v1/stacks/:organisation/:project/:stack";
const RequiredGatePath = StackPath.extend({ phase: GatePhase, name: GateName });

/** The rows of gates. */
export const gateEndpoints = {
  getGate: {
    method: "GET",
    path: "/v1/deployments/:id/gates/:phase/:name",
    about: "deployment",
    summary: "A gate's verdict with its measurements, thresholds and captured output",
    permission: "stack.read",
    params: z.strictObject({ id: Id, phase: GatePhase, name: GateName }),
    success: { status: 200, body: GateEvidence },
  },
  listRequiredGates: {
    method: "GET",
    path: `${STACK}/required-gates`,
    summary: "Gates that every deployment of the stack must pass, whatever its slipway.yaml says",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: RequiredGates },
  },
  setRequiredGate: {
    method: "PUT",
    path: `${STACK}/required-gates/:phase/:name`,
    summary: "Require a gate of a stack's deployments, or change one that is required",
    permission: "stack.protect",
    params: RequiredGatePath,
    body: Gate,
    success: { status: 200, body: RequiredGate },
  },
  removeRequiredGate: {
    method: "DELETE",
    path: `${STACK}/required-gates/:phase/:name`,
    summary: "Require a gate no more",
    permission: "stack.protect",
    params: RequiredGatePath,
    success: { status: 204, body: null },
  },
} as const satisfies Record<string, Endpoint>;
