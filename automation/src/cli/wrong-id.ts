import { isWrongId } from "../client/remedies.ts";
import { EXIT } from "./exit-codes.ts";
import type { Failure } from "./failure.ts";

/** Which command prints the ids that a command takes. */
const LISTS: Readonly<Record<string, string>> = {
  alarms: "slipway alarms list",
  approvals: "slipway approvals list --all",
  approve: "slipway approvals list",
  deliveries: "slipway deliveries list",
  drift: "slipway drift alerts",
  emergencies: "slipway emergencies list",
  freezes: "slipway freezes list",
  notifications: "slipway notifications list",
  preview: "slipway show <number> --json",
  quarantine: "slipway quarantine list",
  readiness: "slipway readiness show --json",
  reject: "slipway approvals list",
  tokens: "slipway tokens list",
  withdraw: "slipway approvals list --all",
};

/** The failure as it is, but for an id that is none. */
export function withIdExplained(failure: Failure, argv: readonly string[]): Failure {
  if (!failure.issues.some(isWrongId)) return failure;
  const list = argv.map((word) => LISTS[word]).find((command) => command !== undefined);
  return {
    code: "usage",
    message: "What was given is not an id, and this command takes nothing but a whole one.",
    remedy: list === undefined ? "Take it from the list of its kind." : `\`${list}\` prints it.`,
    issues: [],
    exitCode: EXIT.usage,
  };
}
