import { z } from "zod";
import { Deployment } from "./deployments.ts";
import {
  CreateDriftIgnore,
  DriftAdoption,
  DriftAlert,
  DriftCheck,
  DriftIgnore,
  DriftVolatile,
  RawDrift,
  RemediateDrift,
  StackDrift,
  SwitchDriftVolatile,
} from "./drift.ts";
import { Id, PageQuery, pageOf, StackPath } from "./identifiers.ts";

const DRIFT = "/v1/stacks/:organisation/:project/:stack/drift";
const AlertPath = StackPath.extend({ alert: Id });
const CheckPath = StackPath.extend({ check: Id });
const IgnorePath = StackPath.extend({ rule: Id });

/** What drift checks found, and what people decide about it. A check itself is a deployment with the operation detect-drift. */
export const driftEndpoints = {
  getDrift: {
    method: "GET",
    path: DRIFT,
    summary: "What the newest drift check of a stack found, and when the next one is made",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: StackDrift },
  },
  listDriftChecks: {
    method: "GET",
    path: `${DRIFT}/checks`,
    summary: "Drift checks of a stack, newest first",
    permission: "stack.read",
    params: StackPath,
    query: PageQuery,
    success: { status: 200, body: pageOf(DriftCheck) },
  },
  getRawDrift: {
    method: "GET",
    path: `${DRIFT}/checks/:check/raw`,
    summary: "All that differed in one check as it was read; sealed values are masked",
    permission: "stack.read",
    params: CheckPath,
    success: { status: 200, body: RawDrift },
  },
  listDriftAlerts: {
    method: "GET",
    path: `${DRIFT}/alerts`,
    summary: "Drift alerts of a stack, newest first",
    permission: "stack.read",
    params: StackPath,
    query: PageQuery.extend({ status: z.enum(["open", "closed"]).optional() }),
    success: { status: 200, body: pageOf(DriftAlert) },
  },
  getDriftAlert: {
    method: "GET",
    path: `${DRIFT}/alerts/:alert`,
    summary: "One drift alert",
    permission: "stack.read",
    params: AlertPath,
    success: { status: 200, body: DriftAlert },
  },
  getDriftAdoption: {
    method: "GET",
    path: `${DRIFT}/alerts/:alert/adoption`,
    summary: "The change of the source that would keep what drifted; nothing is edited",
    permission: "stack.read",
    params: AlertPath,
    success: { status: 200, body: DriftAdoption },
  },
  remediateDrift: {
    method: "POST",
    path: `${DRIFT}/alerts/:alert/remediation`,
    summary:
      "Request a deployment of the last release with a refresh, which undoes the drift of the whole stack",
    permission: "stack.deploy",
    idempotent: true,
    params: AlertPath,
    body: RemediateDrift,
    success: { status: 202, body: Deployment },
  },
  listDriftIgnores: {
    method: "GET",
    path: `${DRIFT}/ignores`,
    summary: "Rules for drift that nobody wants to hear of, newest first",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: z.object({ items: z.array(DriftIgnore) }) },
  },
  createDriftIgnore: {
    method: "POST",
    path: `${DRIFT}/ignores`,
    summary: "Ignore drift of some resources until a day; alerts that match are closed by the next check",
    permission: "stack.deploy",
    idempotent: true,
    params: StackPath,
    body: CreateDriftIgnore,
    success: { status: 201, body: DriftIgnore },
  },
  removeDriftIgnore: {
    method: "DELETE",
    path: `${DRIFT}/ignores/:rule`,
    summary: "Stop ignoring; what still differs is told of by the next check",
    permission: "stack.deploy",
    params: IgnorePath,
    success: { status: 200, body: DriftIgnore },
  },
  listDriftVolatile: {
    method: "GET",
    path: `${DRIFT}/volatile`,
    summary: "Outputs of a stack that were learned to move by themselves",
    permission: "stack.read",
    params: StackPath,
    success: { status: 200, body: z.object({ items: z.array(DriftVolatile) }) },
  },
  switchDriftVolatile: {
    method: "PUT",
    path: `${DRIFT}/volatile`,
    summary: "Count and show a learned output like any other, or leave it out again",
    permission: "stack.deploy",
    params: StackPath,
    body: SwitchDriftVolatile,
    success: { status: 200, body: DriftVolatile },
  },
} as const;
