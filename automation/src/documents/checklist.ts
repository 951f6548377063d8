import type { ChecklistItem } from "../contract/readiness.ts";
import type { DocumentFacts } from "./facts.ts";
import { code, commands, document, instant, plain, table } from "./markdown.ts";
import { stackArgument } from "./stack-argument.ts";

/** Whether a release was, or is to be, taken: the checklist as it was at each sign-off, what the deployment showed, and where to sign off the next one. */
export function checklistDocument(facts: DocumentFacts): string {
  const { stack, release, signOffs, next } = facts;
  const name = stackArgument(stack);
  return document([
    `# Readiness of ${plain(name)}, release ${release.number}`,
    "## Before the deployment",
    signOffs.length === 0
      ? "Nobody signed this release off before it was deployed; the stack did not ask for it, or it was an emergency, a rollback or a change of config alone."
      : signOffs
          .map(
            ({ by, at, comment, checklist }) =>
              `Signed off by ${plain(by)}, ${instant(at)}: ${plain(comment)}\n\n${items(checklist)}`,
          )
          .join("\n\n"),
    "## The deployment",
    verification(facts),
    "## Sign-off of what comes next",
    next.length === 0
      ? "No stack comes after this one in the project's order."
      : "By a person who has signed in and has no part in the change; it is bound to this release, and is kept in the audit log.",
    ...(next.length === 0
      ? []
      : [
          commands(
            next.flatMap((after) => {
              const on = `--stack ${stackArgument({ ...stack, stack: after })} --from ${stack.stack} --release ${release.number}`;
              return [
                `slipway readiness show ${on}`,
                `slipway readiness sign-off ${on} --comment "what was looked at"`,
              ];
            }),
          ),
        ]),
  ]);
}

function items(checklist: readonly ChecklistItem[]): string {
  return table(
    ["", "Item", "By", "Detail"],
    checklist.map(({ state, title, by, at, detail }) => [
      state === "ok" ? "[x]" : state === "not-applicable" ? "n/a" : "[ ]",
      plain(title),
      by === null ? "from records" : `${plain(by)}, ${instant(at)}`,
      plain(detail),
    ]),
    "The checklist was empty.",
  );
}

function verification({
  release,
  gates,
  validation,
  votes,
  manifest,
  shipment,
  secrets,
}: DocumentFacts): string {
  const after = gates.filter(({ phase }) => phase === "after");
  const passed = after.filter(({ verdict }) => verdict === "pass").length;
  const failed = validation.filter((group) => group.failed > 0);
  const empty = secrets.filter(({ arn, versionId }) => arn !== null && versionId === null).length;
  const rows: (readonly [boolean, string, string])[] = [
    [release.health === "good", "The release is good", release.health],
    [votes.some(({ verdict }) => verdict === "approve"), "Somebody approved it", `${votes.length} votes`],
    [
      after.length > 0 && passed === after.length,
      "Gates after the update have passed",
      `${passed} of ${after.length}`,
    ],
  ];
  if (manifest !== null) {
    rows.push(
      [
        shipment !== null,
        "Functions and site were shipped as one",
        shipment === null ? "no shipment" : `${Object.keys(shipment.functions).length} functions`,
      ],
      [
        validation.length > 0 && failed.length === 0,
        "The validation has passed",
        validation.length === 0
          ? "not validated"
          : failed.map(({ group }) => group).join(", ") || "all groups",
      ],
      [empty === 0, "Every secret was put", `${empty} empty`],
      [
        manifest.dataStores.backupPlans.length > 0,
        "Backup plans are declared",
        manifest.dataStores.backupPlans.join(", ") || "none",
      ],
      [manifest.monitoring.alarms.length > 0, "Alarms are declared", `${manifest.monitoring.alarms.length}`],
    );
  }
  return `${table(
    ["", "What", "Recorded"],
    rows.map(([isSo, what, recorded]) => [isSo ? "[x]" : "[ ]", what, plain(recorded)]),
    "",
  )}\nSource ${code(release.sourceDigest)}.`;
}
