import type { DocumentFacts } from "./facts.ts";
import { manualSteps } from "./manual-steps.ts";
import { code, document, instant, plain, table } from "./markdown.ts";
import { stackArgument } from "./stack-argument.ts";

const SHORT_DIGEST = 19;

/** What was deployed: when, by whom, of what, where it is reached, how it was checked and what is left to people. */
export function summaryOf(facts: DocumentFacts): string {
  const { stack, release } = facts;
  return document([
    `# ${plain(stackArgument(stack))}, release ${release.number}`,
    about(facts),
    "## Endpoints",
    table(["What", "Where"], endpoints(facts), "The release has no output that is an address."),
    "## Parts",
    parts(facts),
    "## Variables",
    variables(facts),
    "## Steps",
    table(
      ["Step", "Result", "From", "To", "Detail"],
      facts.deployment.steps.map((step) => [
        step.name,
        step.state,
        instant(step.startedAt),
        instant(step.finishedAt),
        plain(step.detail ?? ""),
      ]),
      "No step is recorded.",
    ),
    "## Checks",
    checks(facts),
    "## People",
    people(facts),
    "## Manual steps",
    table(
      ["Step", "State"],
      manualSteps(facts).map(({ step, done }) => [step, plain(done)]),
      "There is none.",
    ),
  ]);
}

function about({ release, deployment }: DocumentFacts): string {
  const source =
    release.commit === null
      ? release.sourceDigest
      : `${release.commit}${release.dirty ? " with changes" : ""}`;
  const rows: (readonly [string, string])[] = [
    ["Deployed", instant(release.createdAt)],
    ["Deployment", `${deployment.number} (${deployment.operation}), ${code(deployment.id)}`],
    ["Asked for by", plain(release.requestedBy)],
    ["Why", plain(release.message ?? "–")],
    [
      "Health",
      release.acceptedBy === null
        ? release.health
        : `${release.health}, kept by ${plain(release.acceptedBy)}`,
    ],
    ["Source", code(source)],
    ["Source digest", code(release.sourceDigest)],
    ["Config digest", code(release.configDigest)],
    ["Lockfile digest", release.lockfileDigest === null ? "–" : code(release.lockfileDigest)],
    [
      "Pulumi",
      `${release.pulumiVersion}; ${release.plugins.map(({ name, version }) => `${name} ${version ?? ""}`.trim()).join(", ") || "no plugin"}`,
    ],
    ["Tests", deployment.skippedTests ? "**skipped on request**" : "run"],
  ];
  if (release.promotedFrom !== null)
    rows.push([
      "Promoted from",
      `release ${release.promotedFrom.release} of ${plain(release.promotedFrom.stack)}`,
    ]);
  if (release.rollbackOf !== null) rows.push(["Goes back to", `release ${release.rollbackOf}`]);
  return table(["", ""], rows, "");
}

function endpoints({ release, manifest }: DocumentFacts): string[][] {
  if (manifest !== null) {
    return [
      ["User interface", code(manifest.site.url)],
      ["API", code(manifest.api.url)],
      ...Object.entries(manifest.functions)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, { healthPath }]) => [
          `Health of ${plain(name)}`,
          code(`${manifest.api.url.replace(/\/+$/, "")}${healthPath}`),
        ]),
    ];
  }
  return Object.entries(release.outputs)
    .filter(([, value]) => typeof value === "string" && /^https?:\/\//.test(value))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, value]) => [plain(name), code(String(value))]);
}

function parts({ release, shipment, manifest }: DocumentFacts): string {
  const artifacts = table(
    ["Artifact", "Digest", "Bytes"],
    release.artifacts.map(({ name, digest, sizeBytes }) => [plain(name), code(digest), String(sizeBytes)]),
    "The release pins no artifact.",
  );
  if (manifest === null) return artifacts;
  const functions = table(
    ["Function", "In AWS", "Version", "Package (SHA-256)"],
    Object.entries(manifest.functions)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, { name: physical }]) => {
        const shipped = shipment?.functions[name];
        return [
          plain(name),
          code(physical),
          shipped?.version ?? "–",
          shipped === undefined ? "–" : code(shipped.sha256.slice(0, SHORT_DIGEST)),
        ];
      }),
    "There is no function.",
  );
  const files = Object.keys(shipment?.site ?? {}).length;
  return `${artifacts}\n${functions}\nSite: ${files} objects in ${code(manifest.site.bucket)}, region ${manifest.region}.`;
}

function variables({ manifest, config }: DocumentFacts): string {
  const keys = table(
    ["Config key", ""],
    config.map(({ key, secret }) => [code(key), secret ? "secret" : ""]),
    "The release has no config.",
  );
  if (manifest === null) return keys;
  const names = table(
    ["Function", "Variables"],
    Object.entries(manifest.functions)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, { environment }]) => [plain(name), environment.map(code).join(" ")]),
    "There is no function.",
  );
  return `${keys}\n${names}`;
}

function checks({ gates, validation }: DocumentFacts): string {
  const measured = table(
    ["Gate", "When", "Required", "Verdict", "Detail"],
    gates.map((gate) => [
      plain(gate.name),
      `${gate.phase}, ${instant(gate.measuredAt)}`,
      gate.required ? "yes" : "no",
      gate.verdict,
      plain(gate.detail),
    ]),
    "No gate was measured.",
  );
  if (validation.length === 0) return measured;
  const groups = table(
    ["Validation", "Passed", "Failed"],
    validation.map(({ group, passed, failed }) => [plain(group), String(passed), String(failed)]),
    "",
  );
  return `${measured}\n${groups}`;
}

function people({ votes, signOffs }: DocumentFacts): string {
  return table(
    ["Who", "What", "When", "Words"],
    [
      ...votes.map(({ by, verdict, at }) => [
        plain(by),
        verdict === "approve" ? "approved" : "rejected",
        instant(at),
        "",
      ]),
      ...signOffs.map(({ by, at, comment }) => [plain(by), "signed off", instant(at), plain(comment)]),
    ],
    "Nobody was asked.",
  );
}
