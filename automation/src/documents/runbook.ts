import type { DocumentFacts } from "./facts.ts";
import { code, commands, document, plain, table } from "./markdown.ts";
import { stackArgument } from "./stack-argument.ts";

/** The exact commands for a stack, with the names of its own parts filled in. */
export function runbookOf(facts: DocumentFacts): string {
  const stack = stackArgument(facts.stack);
  const on = `--stack ${stack}`;
  return document([
    `# Runbook of ${plain(stack)}`,
    `Made from release ${facts.release.number}. Each command takes \`--json\`, and says with its exit code how it ended (docs/cli.md).`,
    "## See what is there",
    commands([
      `slipway stacks show ${on}`,
      `slipway history ${on}`,
      `slipway releases ${on}`,
      `slipway queue`,
    ]),
    "## Deploy",
    commands([
      `slipway preview ${on}`,
      ...(facts.release.promotedFrom === null
        ? [`slipway deploy ${on} --message "why"`]
        : [`slipway promote ${on} --from ${facts.release.promotedFrom.stack} --message "why"`]),
      ...facts.next.map(
        (next) =>
          `slipway promote --stack ${stackArgument({ ...facts.stack, stack: next })} --from ${facts.stack.stack}`,
      ),
    ]),
    "## Before production takes it",
    commands([
      `slipway readiness show ${on}`,
      `slipway readiness tick <item> ${on} --note "what was looked at"`,
      `slipway readiness sign-off ${on} --comment "what was looked at"`,
      "slipway approvals list",
      "slipway approve <deployment>",
    ]),
    "## Go back",
    goBack(facts, on),
    "## Cancel what runs",
    commands([
      "slipway cancel <deployment>",
      "slipway logs <deployment> --follow",
      "slipway continue <deployment>",
    ]),
    "## Drift",
    commands([`slipway drift run ${on}`, `slipway drift show ${on}`]),
    ...(facts.manifest === null ? [] : aws(facts, on)),
    "## Restore the installation",
    "State, releases and artifacts of every stack are in a backup of the installation; what AWS keeps is in AWS's own backups.",
    commands(["slipway backup <file>", "slipway restore <file>", `slipway reconcile ${on}`]),
    "## When something is wrong",
    table(["What is seen", "What to do"], troubles(facts, on), ""),
  ]);
}

function goBack({ previousGood, manifest }: DocumentFacts, on: string): string {
  const words =
    manifest === null
      ? "An earlier release is deployed again, of what is pinned."
      : "Aliases go back to the versions that the earlier release recorded, objects of the site to its object versions; the cache is invalidated. Data and secrets stay as they are.";
  return `${words}\n\n${commands([
    previousGood === null ? `slipway rollback ${on}` : `slipway rollback ${on} --to ${previousGood}`,
    `slipway rollback-settings ${on}`,
  ])}`;
}

function aws({ manifest, secrets }: DocumentFacts, on: string): string[] {
  if (manifest === null) return [];
  return [
    "## Secrets",
    `Values go from the terminal into Secrets Manager of ${manifest.region}, sealed with ${code(manifest.kmsKeyArn)}, and nowhere else.`,
    commands([
      `slipway secrets list ${on}`,
      `slipway secrets populate ${on} --only ${secrets.find(({ arn }) => arn !== null)?.slot ?? "<slot>"}`,
      `slipway secrets verify ${on}`,
    ]),
    "## Validate",
    commands([
      `slipway validate ${on}`,
      `slipway validate ${on} --only dns`,
      `slipway validate ${on} --only monitoring`,
    ]),
    "## Logs and alarms",
    table(
      ["Function", "Log group"],
      Object.entries(manifest.functions)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, { logGroup }]) => [plain(name), code(logGroup)]),
      "",
    ),
    `Dashboards: ${manifest.monitoring.dashboards.map(code).join(", ") || "none"}. Alarms: ${manifest.monitoring.alarms.map(code).join(", ") || "none"}. Alerts go to ${code(manifest.monitoring.topicArn)}. Backup plans: ${manifest.dataStores.backupPlans.map(code).join(", ") || "none"}.`,
  ];
}

function troubles({ manifest }: DocumentFacts, on: string): string[][] {
  return [
    ["A deployment waits", "`slipway queue` says for what: votes, a pause, a freeze, the release before it"],
    [
      "It waits for a sign-off",
      `\`slipway approvals show <deployment>\` says what is open on the checklist and how to sign off; the whole checklist: \`slipway readiness show ${on}\``,
    ],
    ["`stale`", "what was approved has moved; ask for it again"],
    [
      "`interrupted`",
      "its worker was lost while it changed things: read the account (`slipway show <deployment>`), then `slipway continue <deployment>`",
    ],
    [
      "Rolled back by itself",
      "a gate failed after the update: `slipway gates show <deployment>`; the source is quarantined until somebody lifts that",
    ],
    ...(manifest === null
      ? []
      : [
          [
            "A function failed its smoke call",
            "no alias was moved, the old version serves; the part's detail names the function: `slipway logs <deployment>`",
          ],
          ["An alarm is on", `\`slipway validate ${on} --only monitoring\`, then the logs of the function`],
          ["A secret is refused by its provider", `\`slipway secrets populate ${on} --only <slot>\``],
          [
            "Drift on an alias",
            `somebody has moved it by hand: \`slipway drift run ${on}\`, then deploy or roll back`,
          ],
        ]),
  ];
}
