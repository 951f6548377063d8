import type { DocumentFacts } from "./facts.ts";

/**
 * Where a task of a deployment plan is done. `left`: what of it no program does here, or not in every stack. `proof`: the files of tests that hold it. `recorded`: what a release's records say of it,
 * for tasks that are about a release; null: nothing is recorded.
 */
export interface CoveredTask {
  task: string;
  about: string;
  where: string;
  left?: string;
  proof: readonly string[];
  recorded?: (facts: DocumentFacts) => string | null;
}

const step =
  (...names: string[]) =>
  ({ deployment }: DocumentFacts): string | null => {
    const found = deployment.steps.filter(({ name }) => names.includes(name));
    return found.length === 0 ? null : found.map(({ name, state }) => `${name} ${state}`).join(", ");
  };
const group =
  (...names: string[]) =>
  ({ validation }: DocumentFacts): string | null => {
    const found = validation.filter(({ group: name }) => names.includes(name));
    return found.length === 0
      ? null
      : found
          .map(({ group: name, passed, failed }) => `${name}: ${passed} passed, ${failed} failed`)
          .join("; ");
  };
const whole = ({ validation }: DocumentFacts): string | null => {
  if (validation.length === 0) return null;
  const failed = validation.filter((one) => one.failed > 0).length;
  return `${validation.length - failed} of ${validation.length} groups passed`;
};
const released = ({ release, stack }: DocumentFacts): string =>
  `release ${release.number} of ${stack.stack} is ${release.health}`;
const shipped = ({ shipment }: DocumentFacts): string | null =>
  shipment === null
    ? null
    : `${Object.keys(shipment.functions).length} functions, ${Object.keys(shipment.site).length} objects`;
const filled = ({ secrets, manifest }: DocumentFacts): string | null => {
  if (manifest === null) return null;
  const there = secrets.filter(({ arn }) => arn !== null);
  return `${there.filter(({ versionId }) => versionId !== null).length} of ${there.length} put`;
};
const signed = ({ signOffs }: DocumentFacts): string | null =>
  signOffs.length === 0 ? null : `signed off by ${signOffs.map(({ by }) => by).join(", ")}`;

const PIPELINE = "test/aws-pipeline.test.ts";
const SHIP = "automation/src/aws/ship.test.ts";
const FUNCTIONS = "automation/src/aws/functions/ship-functions.test.ts";
const SECRETS = "automation/src/aws/secrets/populate.test.ts";
const FORMATS = "automation/src/aws/secrets/formats.test.ts";
const DOCUMENTS = "automation/src/documents/documents.test.ts";
const READINESS = "automation/src/readiness/routes.test.ts";
const TARGET = "infra/targets/aws.test.ts";
const VALIDATION = "automation/src/aws/validation/validate.test.ts";
const STEPS = "test/pipeline.test.ts";
const ENGINE = "test/aws-engine.test.ts";
const EVERYTHING = "test/trials/aws-everything.test.ts";
/** The sample on a stack of its own: releases, secrets that are put and put again, rights that are missing. */
const DESK = "test/trials/aws-desk.test.ts";
/** Two stacks from nothing, of which production waits for a vote and a sign-off. */
const TOUR = "test/trials/tour-aws.test.ts";
const RENAME = "test/trials/aws-rename.test.ts";
const FUNCTIONS_BUILT = "test/sample-functions.test.ts";

/** Every task of the plan that a deployment to AWS from nothing follows, by its number there. */
export const COVERED_TASKS: readonly CoveredTask[] = [
  {
    task: "1.1",
    about: "A place for each part of the deployment",
    where: "infra/, automation/src/aws/, slipway.yaml, docs/aws.md",
    proof: [TARGET],
  },
  {
    task: "1.2",
    about: "Configuration of each environment; a vote before production",
    where: "Pulumi.test.yaml, Pulumi.production.yaml; `slipway rules`, `slipway readiness settings`",
    left: "the rule that asks for votes is set once on the server, by an admin",
    proof: ["infra/config.test.ts", "automation/src/approvals/rules.test.ts"],
  },
  { task: "1.3", about: "A template of the secrets", where: "`slipway secrets template`", proof: [FORMATS] },
  {
    task: "2.1",
    about: "One command for the whole deployment, with tests left out on request",
    where: "`slipway deploy`, `--skip-tests`",
    proof: [PIPELINE, STEPS, "automation/src/pipeline/operations.test.ts"],
    recorded: step("prepare", "build", "test", "preview", "update", "ship", "release"),
  },
  {
    task: "2.2",
    about: "Infrastructure: previewed, sealed, applied, with a way back",
    where: "steps preview, seal and update; `slipway rollback`",
    proof: [TARGET, ENGINE, PIPELINE],
    recorded: step("preview", "seal", "update"),
  },
  {
    task: "2.3",
    about: "A manifest of identifiers and endpoints, checked",
    where: "output `manifest` (automation/src/contract/aws/manifest.ts)",
    proof: [TARGET, PIPELINE],
    recorded: ({ manifest }) => (manifest === null ? null : "checked and kept with the release"),
  },
  {
    task: "3.1",
    about: "Backend: install, build and test before anything is changed",
    where: "steps prepare, build and test of slipway.yaml",
    proof: [STEPS, "automation/src/dependencies/dependencies.test.ts"],
    recorded: step("prepare", "build", "test"),
  },
  {
    task: "3.2",
    about: "A package of each function without tests and development dependencies",
    where: "automation/src/aws/functions/package-function.ts",
    proof: ["automation/src/aws/functions/package-function.test.ts", FUNCTIONS_BUILT],
  },
  {
    task: "3.3",
    about: "New code, variables, version and alias of each function, reported one by one",
    where: "step ship",
    proof: [SHIP, FUNCTIONS],
    recorded: shipped,
  },
  {
    task: "3.4",
    about: "Property: every function is deployed",
    where: "automation/src/aws/functions/",
    proof: ["automation/src/aws/functions/functions.property.test.ts"],
  },
  {
    task: "3.5",
    about: "Property: every function has its variables",
    where: "automation/src/contract/aws/function-environment.ts",
    proof: ["automation/src/aws/functions/functions.property.test.ts", TARGET],
  },
  {
    task: "4.1",
    about: "Secrets typed unseen, into the ARNs that the manifest names",
    where: "`slipway secrets populate`",
    proof: [SECRETS],
    recorded: filled,
  },
  {
    task: "4.2",
    about: "Checked by their format, stored under the stack's key, each can be skipped",
    where: "automation/src/aws/secrets/formats.ts, `--only`, `--skip`",
    proof: [FORMATS, SECRETS],
  },
  {
    task: "4.3",
    about: "Functions read the new values, and it is seen that they do",
    where: "`slipway secrets refresh`, `slipway secrets verify`",
    proof: [SECRETS, DESK, "automation/src/aws/secrets/epoch.test.ts"],
  },
  {
    task: "5.1",
    about: "Configuration of the user interface from the manifest",
    where: "generated file of the site, step ship",
    proof: [SHIP],
  },
  {
    task: "5.2",
    about: "User interface: install, build and test",
    where: "steps build and test of slipway.yaml",
    proof: [STEPS, "frontend/strategy-desk/src/desk.test.ts"],
    recorded: step("build", "test"),
  },
  {
    task: "5.3",
    about: "Upload with content types and cache headers",
    where: "automation/src/aws/site/",
    proof: [SHIP, "automation/src/aws/site/plan.test.ts"],
    recorded: shipped,
  },
  {
    task: "5.4",
    about: "Caches are invalidated, and that is waited for",
    where: "automation/src/aws/site/",
    proof: [SHIP],
    recorded: step("ship"),
  },
  {
    task: "5.5",
    about: "Property: headers of what is uploaded",
    where: "automation/src/aws/site/",
    proof: ["automation/src/aws/site/site.property.test.ts"],
  },
  {
    task: "6",
    about: "Checkpoint: the deployment without a deployment",
    where: "`slipway preview`, `npm test`",
    proof: [STEPS, ENGINE],
  },
  {
    task: "7.1",
    about: "Names resolve to what was deployed",
    where: "`slipway validate --only dns`",
    left: "not applicable to a stack without a domain of its own",
    proof: [VALIDATION, EVERYTHING, "automation/src/aws/validation/dns-rules.test.ts"],
    recorded: group("dns"),
  },
  {
    task: "7.2",
    about: "Certificates are issued, last and are used",
    where: "`slipway validate --only certificates`",
    left: "not applicable to a stack without a domain of its own",
    proof: [VALIDATION, EVERYTHING, "automation/src/aws/validation/certificate-rules.test.ts"],
    recorded: group("certificates"),
  },
  {
    task: "8.1",
    about: "The API and every category answer, with latency",
    where: "`slipway validate --only api`",
    proof: [VALIDATION, "automation/src/aws/validation/api.test.ts"],
    recorded: group("api"),
  },
  {
    task: "8.2",
    about: "Tables, cache and time series are reached",
    where: "`slipway validate --only data-stores`",
    left: "the cache is asked without signing in, since nothing is kept there; LiveAnalytics is described, not written to",
    proof: [
      VALIDATION,
      EVERYTHING,
      "automation/src/aws/validation/data-store-rules.test.ts",
      "services/strategy-api/src/functions/time-series.test.ts",
      FUNCTIONS_BUILT,
    ],
    recorded: group("data-stores"),
  },
  {
    task: "8.3",
    about: "Property: no category is left out of the health checks",
    where: "automation/src/aws/validation/api.ts",
    proof: ["automation/src/aws/validation/api.test.ts"],
  },
  {
    task: "9.1",
    about: "The user interface and its assets load",
    where: "`slipway validate --only frontend`",
    proof: [VALIDATION, "automation/src/aws/validation/frontend-rules.test.ts"],
    recorded: group("frontend"),
  },
  {
    task: "9.2",
    about: "HTTPS alone, CORS, and pages in a browser",
    where: "`slipway validate --only frontend`",
    proof: [VALIDATION, "automation/src/aws/validation/frontend-rules.test.ts"],
    recorded: group("frontend"),
  },
  {
    task: "10.1",
    about: "A strategy from a template, and a risk profile",
    where: "`slipway validate --only smoke`",
    proof: [VALIDATION, "automation/src/aws/validation/smoke-rules.test.ts"],
    recorded: group("smoke"),
  },
  {
    task: "10.2",
    about: "Market data, and entries of the audit",
    where: "`slipway validate --only smoke`",
    left: "prices are polled: an HTTP API hands out no streams",
    proof: [VALIDATION, "automation/src/aws/validation/smoke-rules.test.ts"],
    recorded: group("smoke"),
  },
  {
    task: "10.3",
    about: "What the checks made is removed; a report",
    where: "`slipway validate --output <file>`, `slipway documents --kind summary`",
    proof: [VALIDATION, "automation/src/aws/validation/smoke-rules.test.ts", DOCUMENTS],
  },
  {
    task: "11.1",
    about: "Dashboards, alarms and subscriptions",
    where: "`slipway validate --only monitoring`",
    left: "each address confirms one mail of AWS",
    proof: [VALIDATION, "automation/src/aws/validation/monitoring-rules.test.ts"],
    recorded: group("monitoring"),
  },
  {
    task: "11.2",
    about: "An alert arrives; traces and logs are there",
    where: "`slipway validate --only monitoring`",
    proof: [VALIDATION, "automation/src/aws/validation/monitoring-rules.test.ts"],
    recorded: group("monitoring"),
  },
  {
    task: "11.3",
    about: "Property: what is watched is what was declared",
    where: "automation/src/aws/validation/monitoring-rules.ts",
    proof: ["automation/src/aws/validation/monitoring.test.ts"],
  },
  {
    task: "12.1",
    about: "All validations in one report",
    where: "`slipway validate`; gate kind `validate`",
    proof: [VALIDATION],
    recorded: whole,
  },
  {
    task: "13.1",
    about: "A summary of the deployment",
    where: "`slipway documents --kind summary`",
    proof: [DOCUMENTS],
    recorded: () => "this folder",
  },
  {
    task: "13.2",
    about: "A runbook",
    where: "`slipway documents --kind runbook`",
    proof: [DOCUMENTS],
    recorded: () => "this folder",
  },
  {
    task: "13.3",
    about: "A checklist with a sign-off",
    where: "`slipway documents --kind checklist`, `slipway readiness`",
    proof: [DOCUMENTS, READINESS],
    recorded: signed,
  },
  {
    task: "14.1",
    about: "Functions go back to earlier versions",
    where: "`slipway releases versions`, `slipway rollback`",
    proof: [FUNCTIONS, PIPELINE, RENAME, "automation/src/cli/commands/releases-versions.test.ts"],
    recorded: ({ release }) =>
      release.rollbackOf === null ? null : `goes back to release ${release.rollbackOf}`,
  },
  {
    task: "14.2",
    about: "The user interface goes back to earlier objects",
    where: "`slipway releases versions`, `slipway rollback`",
    proof: [SHIP, "automation/src/aws/site/history.property.test.ts", PIPELINE],
    recorded: ({ release }) =>
      release.rollbackOf === null ? null : `goes back to release ${release.rollbackOf}`,
  },
  {
    task: "15",
    about: "Checkpoint: deployed, validated and rolled back on a test stack",
    where: "`npm run tour:aws`",
    proof: [DESK, TOUR, PIPELINE],
    recorded: released,
  },
  {
    task: "16.1",
    about: "Test: infrastructure",
    where: "`slipway deploy --stack <project>/test`",
    proof: [DESK, TOUR, ENGINE],
    recorded: step("update"),
  },
  {
    task: "16.2",
    about: "Test: functions",
    where: "step ship of the same deployment; logs: `slipway validate --only monitoring`",
    proof: [DESK, TOUR, VALIDATION],
    recorded: step("ship"),
  },
  {
    task: "16.3",
    about: "Test: secrets",
    where: "`slipway secrets populate --stack <project>/test`",
    proof: [DESK, TOUR, SECRETS],
    recorded: filled,
  },
  {
    task: "16.4",
    about: "Test: user interface",
    where: "step ship of the same deployment",
    proof: [DESK, TOUR],
    recorded: shipped,
  },
  {
    task: "16.5",
    about: "Test: validation",
    where: "gate kind `validate`, `slipway validate`",
    proof: [TOUR, VALIDATION],
    recorded: whole,
  },
  {
    task: "17",
    about: "Checkpoint: the test stack as people see it",
    where: "the stack's page of the console, `slipway documents`",
    left: "people look at it themselves",
    proof: [TOUR, DOCUMENTS],
    recorded: released,
  },
  {
    task: "18.1",
    about: "Production: the checklist is done and signed off",
    where: "`slipway readiness sign-off`; an update waits for it",
    proof: [TOUR, READINESS],
    recorded: signed,
  },
  {
    task: "18.2",
    about: "Production: infrastructure",
    where: "`slipway promote`",
    proof: [TOUR, EVERYTHING, "automation/src/promotions/routes.test.ts"],
    recorded: step("update"),
  },
  {
    task: "18.3",
    about: "Production: functions",
    where: "step ship of the same deployment; logs: `slipway validate --only monitoring`",
    proof: [TOUR, PIPELINE, VALIDATION],
    recorded: step("ship"),
  },
  {
    task: "18.4",
    about: "Production: secrets",
    where: "`slipway secrets populate --stack <project>/production`",
    proof: [TOUR, SECRETS],
    recorded: filled,
  },
  {
    task: "18.5",
    about: "Production: user interface",
    where: "step ship of the same deployment",
    proof: [TOUR, PIPELINE],
    recorded: shipped,
  },
  {
    task: "18.6",
    about: "Production: validation and monitoring",
    where: "gate kind `validate`, `slipway validate`",
    proof: [TOUR, EVERYTHING, VALIDATION],
    recorded: whole,
  },
  {
    task: "19.1",
    about: "Documents of the deployment, kept in the repository",
    where: "`slipway documents --write <folder> --commit`",
    proof: [DOCUMENTS],
    recorded: () => "this folder",
  },
  {
    task: "20",
    about: "Checkpoint: production works, alerts and backups are active",
    where: "`slipway validate`, `slipway readiness show`",
    left: "what went wrong is in history, audit and the deployment's log; nobody writes it down twice",
    proof: [TOUR, VALIDATION, READINESS],
    recorded: ({ release, ...facts }) =>
      facts.validation.length === 0 ? null : `${release.health}; ${whole({ release, ...facts }) ?? ""}`,
  },
];
