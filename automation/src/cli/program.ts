import { Command, CommanderError } from "commander";
import { tokenSource, usageOf, wantsJson } from "./command-line.ts";
import type { CliContext } from "./context.ts";
import { failureOf } from "./failure.ts";
import { printFailure } from "./output.ts";
import { withIdExplained } from "./wrong-id.ts";

/** Adds one command, with its arguments, options and action, to the program. */
export type Register = (program: Command, context: CliContext) => void;

interface Entry {
  readonly summary: string;
  /** Imported only when the command is named: a start of the CLI costs what that command needs. */
  readonly load: () => Promise<Register>;
}

/** The commands in the order of the help text. */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  start: {
    summary: "start server, worker and keeper on this machine",
    load: async () => (await import("./commands/start.ts")).register,
  },
  doctor: {
    summary: "check this machine: versions, engine, database, disk, ports, containment",
    load: async () => (await import("./commands/doctor.ts")).register,
  },
  login: {
    summary: "store a server and a token for it",
    load: async () => (await import("./commands/login.ts")).register,
  },
  logout: {
    summary: "end the sign-in with a server and forget its token here",
    load: async () => (await import("./commands/logout.ts")).register,
  },
  projects: {
    summary: "list, create and remove projects",
    load: async () => (await import("./commands/projects.ts")).register,
  },
  stacks: {
    summary: "list, create, show and remove stacks; their tags, outputs and states",
    load: async () => (await import("./commands/stacks.ts")).register,
  },
  config: {
    summary: "list, set and remove config values of a stack",
    load: async () => (await import("./commands/config.ts")).register,
  },
  deploy: {
    summary: "deploy the project's source as it is now",
    load: async () => (await import("./commands/deploy.ts")).register,
  },
  preview: {
    summary: "show what a deployment would change",
    load: async () => (await import("./commands/preview.ts")).register,
  },
  refresh: {
    summary: "read the real resources back into the state",
    load: async () => (await import("./commands/refresh.ts")).register,
  },
  rollback: {
    summary: "go back to an earlier good release",
    load: async () => (await import("./commands/rollback.ts")).register,
  },
  hold: {
    summary: "decide about a held deployment: keep, or roll back",
    load: async () => (await import("./commands/hold.ts")).register,
  },
  consent: {
    summary: "show what a rollback cannot undo, and agree to it",
    load: async () => (await import("./commands/consent.ts")).register,
  },
  verification: {
    summary: "how a deployment came to be verified, held or undone",
    load: async () => (await import("./commands/verification.ts")).register,
  },
  "rollback-settings": {
    summary: "what a stack does when an update goes wrong",
    load: async () => (await import("./commands/rollback-settings.ts")).register,
  },
  promote: {
    summary: "deploy a good release of another stack",
    load: async () => (await import("./commands/promote.ts")).register,
  },
  environments: {
    summary: "the order in which a project's stacks take releases",
    load: async () => (await import("./commands/environments.ts")).register,
  },
  deliveries: {
    summary: "bring one release to several stacks, wave by wave",
    load: async () => (await import("./commands/deliveries.ts")).register,
  },
  figures: {
    summary: "how builds, tests, gates and updates of a project went, and their budgets",
    load: async () => (await import("./commands/figures.ts")).register,
  },
  destroy: {
    summary: "delete all resources of a stack",
    load: async () => (await import("./commands/destroy.ts")).register,
  },
  cancel: {
    summary: "cancel a deployment, or end a run of the Pulumi CLI",
    load: async () => (await import("./commands/cancel.ts")).register,
  },
  continue: {
    summary: "go on with a deployment that was interrupted or cancelled half-way",
    load: async () => (await import("./commands/continue.ts")).register,
  },
  quarantine: {
    summary: "list the sources that a stack refuses, and lift that",
    load: async () => (await import("./commands/quarantine.ts")).register,
  },
  queue: {
    summary: "list what runs and what waits, with what each waits for",
    load: async () => (await import("./commands/queue.ts")).register,
  },
  pause: {
    summary: "let nothing new start on a stack, in a project or anywhere",
    load: async () => (await import("./commands/pause.ts")).register,
  },
  resume: {
    summary: "end a pause",
    load: async () => (await import("./commands/resume.ts")).register,
  },
  limits: {
    summary: "how many deployments may run at once",
    load: async () => (await import("./commands/limits.ts")).register,
  },
  workers: {
    summary: "list the workers",
    load: async () => (await import("./commands/workers.ts")).register,
  },
  show: {
    summary: "show what a deployment is about, who may approve it, and what to do next",
    load: async () => (await import("./commands/show.ts")).register,
  },
  logs: {
    summary: "print what happened in a deployment or a run of the Pulumi CLI",
    load: async () => (await import("./commands/logs.ts")).register,
  },
  history: {
    summary: "list the deployments of a stack and the runs of the Pulumi CLI on it",
    load: async () => (await import("./commands/history.ts")).register,
  },
  resources: {
    summary: "list the resources in the state of a stack",
    load: async () => (await import("./commands/resources.ts")).register,
  },
  gates: {
    summary: "what a deployment's gates measured; gates that a stack requires; run a folder's gates here",
    load: async () => (await import("./commands/gates.ts")).register,
  },
  releases: {
    summary: "list the releases of a stack",
    load: async () => (await import("./commands/releases.ts")).register,
  },
  validate: {
    summary:
      "look at all that a stack on AWS consists of: names, certificates, functions, data stores, pages, alarms",
    load: async () => (await import("./commands/validate.ts")).register,
  },
  readiness: {
    summary: "the checklist of a stack for what it is to take next, and its sign-off",
    load: async () => (await import("./commands/readiness.ts")).register,
  },
  secrets: {
    summary: "the secrets of a stack on AWS: put values, and have functions read them",
    load: async () => (await import("./commands/secrets.ts")).register,
  },
  documents: {
    summary: "a release's summary, runbook, checklist and covered tasks, in Markdown",
    load: async () => (await import("./commands/documents.ts")).register,
  },
  policies: {
    summary: "what stacks must satisfy, and what policies found",
    load: async () => (await import("./commands/policies.ts")).register,
  },
  freezes: {
    summary: "windows in which nothing may change",
    load: async () => (await import("./commands/freezes.ts")).register,
  },
  schedules: {
    summary: "run an operation on a stack by cron or once",
    load: async () => (await import("./commands/schedules.ts")).register,
  },
  drift: {
    summary: "whether a stack's resources are still what its state says",
    load: async () => (await import("./commands/drift.ts")).register,
  },
  approvals: {
    summary: "what waits for approval, what it would do, and who may vote",
    load: async () => (await import("./commands/approvals.ts")).register,
  },
  approve: {
    summary: "approve what waits, by a person who has logged in",
    load: async () => (await import("./commands/approve.ts")).register,
  },
  reject: {
    summary: "reject what waits, with a reason; it then ends",
    load: async () => (await import("./commands/reject.ts")).register,
  },
  withdraw: {
    summary: "withdraw one's vote, until the change begins",
    load: async () => (await import("./commands/withdraw.ts")).register,
  },
  rules: {
    summary: "what a stack asks for before it is changed",
    load: async () => (await import("./commands/rules.ts")).register,
  },
  groups: {
    summary: "people of an organisation who decide together",
    load: async () => (await import("./commands/groups.ts")).register,
  },
  emergencies: {
    summary: "list uses of an emergency, and review them",
    load: async () => (await import("./commands/emergencies.ts")).register,
  },
  organisations: {
    summary: "list and create organisations",
    load: async () => (await import("./commands/organisations.ts")).register,
  },
  members: {
    summary: "list, set and remove the members of an organisation",
    load: async () => (await import("./commands/members.ts")).register,
  },
  tokens: {
    summary: "create, list and revoke access tokens",
    load: async () => (await import("./commands/tokens.ts")).register,
  },
  readers: {
    summary: "whose programs may read a stack's outputs, and who has",
    load: async () => (await import("./commands/readers.ts")).register,
  },
  destinations: {
    summary: "list, add, change, pause and remove destinations of notifications",
    load: async () => (await import("./commands/destinations.ts")).register,
  },
  notifications: {
    summary: "list what was sent to whom; send again what was given up; test a destination",
    load: async () => (await import("./commands/notifications.ts")).register,
  },
  alarms: {
    summary: "list what must never be and was found, and say that it was looked at",
    load: async () => (await import("./commands/alarms.ts")).register,
  },
  audit: {
    summary: "list audit entries",
    load: async () => (await import("./commands/audit.ts")).register,
  },
  state: {
    summary: "import stacks from another Pulumi backend; export them",
    load: async () => (await import("./commands/state.ts")).register,
  },
  keys: {
    summary: "list, rotate and rewrap the keys that secrets and states are sealed with",
    load: async () => (await import("./commands/keys.ts")).register,
  },
  backup: {
    summary: "write the whole installation of this machine into one file",
    load: async () => (await import("./commands/backup.ts")).register,
  },
  restore: {
    summary: "put a backup into an empty installation on this machine",
    load: async () => (await import("./commands/restore.ts")).register,
  },
  reconcile: {
    summary: "let restored stacks be changed again, once compared with what is there",
    load: async () => (await import("./commands/reconcile.ts")).register,
  },
  retention: {
    summary: "what is kept for how long, and what was collected",
    load: async () => (await import("./commands/retention.ts")).register,
  },
  pulumi: {
    summary: "run the Pulumi CLI on this installation's state",
    load: async () => (await import("./commands/pulumi.ts")).register,
  },
};

/**
 * Runs one command line (without node and script). Failures are printed as one sentence and its remedy; the exit code goes
 * to `context.finish`. Never throws.
 */
export async function runCli(argv: readonly string[], context: CliContext, version: string): Promise<void> {
  try {
    const program = await buildProgram(argv, context, version);
    await program.parseAsync([...argv], { from: "user" });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
    const failed = failureOf(
      thrown instanceof CommanderError ? usageOf(thrown, argv, Object.keys(COMMANDS)) : thrown,
      tokenSource(argv, context),
    );
    const failure = withIdExplained(failed, argv);
    printFailure(context, failure, wantsJson(argv));
    context.finish(failure.exitCode);
  }
}

/** The program with the commands that `argv` names defined in full and the others by name; with `all`, all in full. */
export async function buildProgram(
  argv: readonly string[],
  context: CliContext,
  version: string,
  all = false,
): Promise<Command> {
  const program = new Command("slipway")
    .description("Deploy, preview and roll back Pulumi stacks through a Slipway server.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .enablePositionalOptions()
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
      // What is wrong is printed once, by runCli.
      outputError: () => {},
    });
  for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
    if (all || argv.includes(name)) (await load())(program, context);
    else program.command(name).description(summary);
  }
  program.addHelpText(
    "after",
    "\nThe server is --server, SLIPWAY_URL, the one of `slipway login`, else http://127.0.0.1:7420.",
  );
  if (argv.length === 0) program.help();
  return program;
}
