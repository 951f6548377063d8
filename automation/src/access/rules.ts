import type { Role, Verb } from "../contract/access.ts";

export type { Verb } from "../contract/access.ts";

/** Where it is to be done. `stackId` is absent for verbs on an organisation or a project. */
export interface Resource {
  organisation: string;
  stackId?: string;
}

/** What `installation.*` is about. No organisation has this name. */
export const INSTALLATION: Resource = { organisation: "" };

/** Whoever presented a token, with all that decides what it may do. */
export interface Actor {
  /** As audit entries name it. */
  id: string;
  kind: "owner" | "user" | "service" | "worker" | "attempt" | "system";
  name: string;
  /** Of users and services, by organisation. The owner is admin everywhere without a row. */
  roles: Readonly<Record<string, Role>>;
  /** Of an attempt's engine. */
  attempt: AttemptGrant | null;
  /** Of a person whose request carries a session and not one of their tokens; what only people do asks for it. */
  signIn?: { id: string };
}

/** What an attempt's engine may do: its own stack, and read the outputs of stacks that allow it. */
export interface AttemptGrant {
  attemptId: string;
  deploymentId: string;
  stackId: string;
  organisation: string;
  /** Of the right to write that its updates inherit. */
  epoch: number;
  /** False: previews only. */
  mayChange: boolean;
  /** Stacks whose outputs its program may read. */
  readableStackIds: readonly string[];
}

const VIEWER: readonly Verb[] = [
  "organisation.read",
  "stack.see",
  "stack.read",
  "stack.export",
  "audit.read",
];
const DEPLOYER: readonly Verb[] = [
  ...VIEWER,
  "project.create",
  "stack.preview",
  "stack.update",
  "stack.deploy",
  "stack.cancel",
  "stack.pause",
  "stack.create",
  "stack.configure",
  "stack.decrypt",
  // Whom the organisation has granted it: the role alone is not enough.
  "policy.override",
];
const ADMIN: readonly Verb[] = [
  ...DEPLOYER,
  "organisation.manage",
  "project.remove",
  "stack.remove",
  "stack.protect",
  "project.pause",
  "project.limit",
  "policy.manage",
  "freeze.manage",
  "project.configure",
];
const VERBS_OF_ROLE: Readonly<Record<Role, readonly Verb[]>> = {
  viewer: VIEWER,
  deployer: DEPLOYER,
  admin: ADMIN,
};
const VERBS_OF_WORKER: readonly Verb[] = ["organisation.read", "stack.see", "stack.read"];
const VERBS_OF_ATTEMPT: readonly Verb[] = [
  "stack.see",
  "stack.read",
  "stack.export",
  "stack.preview",
  "stack.decrypt",
];

/** On stacks that list the attempt's one as a reader. Without the last one the engine would take `{}` for each secret output, and say so in a note only. */
const VERBS_OF_READER: readonly Verb[] = ["stack.see", "stack.export", "stack.decrypt"];

/**
 * Whether an actor may do something: `hidden` when it may not even know of the resource, which must be answered as one that is not there.
 */
export function decide(actor: Actor, verb: Verb, resource: Resource): "allowed" | "forbidden" | "hidden" {
  if (can(actor, verb, resource)) return "allowed";
  const isVisible =
    resource.organisation === INSTALLATION.organisation ||
    can(actor, resource.stackId === undefined ? "organisation.read" : "stack.see", resource);
  return isVisible ? "forbidden" : "hidden";
}

/** Organisations whose things an actor's lists show. An attempt's engine lists nothing: it knows the one stack that it is for. */
export function listableOrganisations(actor: Actor): "all" | readonly string[] {
  switch (actor.kind) {
    case "owner":
    case "system":
    case "worker":
      return "all";
    case "user":
    case "service":
      return Object.keys(actor.roles);
    case "attempt":
      return [];
  }
}

/** Whether an actor may do something. */
export function can(actor: Actor, verb: Verb, resource: Resource): boolean {
  switch (actor.kind) {
    case "owner":
    case "system":
      return true;
    case "worker":
      return VERBS_OF_WORKER.includes(verb) || readsInstallation(verb, resource);
    case "user":
      return roleCan(actor, verb, resource);
    case "service":
      // A monitor reads /metrics with a token that can do nothing else.
      return readsInstallation(verb, resource) || roleCan(actor, verb, resource);
    case "attempt":
      return actor.attempt !== null && attemptCan(actor.attempt, verb, resource);
  }
}

/** Who holds a token. */
export interface TokenHolder {
  id: string;
  kind: "owner" | "user" | "service";
  /** Of a service account. */
  organisation: string | null;
}

/**
 * Whether an actor may make, list and revoke a principal's tokens. An admin of one organisation must not get the token of a person, who may be
 * a member of others too: people make their own, once the owner gave them their first. A service account makes none for itself.
 */
export function canManageTokens(actor: Actor, holder: TokenHolder): boolean {
  if (actor.kind === "owner" || actor.kind === "system") return true;
  if (actor.kind === "user" && holder.kind === "user") return holder.id === actor.id;
  return (
    holder.kind === "service" &&
    holder.organisation !== null &&
    holder.id !== actor.id &&
    can(actor, "organisation.manage", { organisation: holder.organisation })
  );
}

/** Organisations whose members an actor manages. */
export function managedOrganisations(actor: Actor): readonly string[] {
  return Object.keys(actor.roles).filter((organisation) =>
    can(actor, "organisation.manage", { organisation }),
  );
}

/** Commands of the CLI during which a program runs and may refer to other stacks. */
const PROGRAM_COMMANDS = new Set(["up", "update", "preview", "destroy", "refresh", "watch", "import"]);

/** Whether a User-Agent is that of a CLI command that runs a program: `pulumi-cli/1 (v3.250.0; linux; cmd=up)`. */
export function runsAProgram(userAgent: string | undefined): boolean {
  const command = /^pulumi-cli\/\d+ \([^)]*\bcmd=([a-z0-9-]+)/.exec(userAgent ?? "")?.[1];
  return command !== undefined && PROGRAM_COMMANDS.has(command);
}

function readsInstallation(verb: Verb, { organisation }: Resource): boolean {
  return verb === "installation.read" && organisation === INSTALLATION.organisation;
}

function roleCan({ roles }: Actor, verb: Verb, { organisation }: Resource): boolean {
  // An organisation may have the name of something that every object inherits.
  const role = Object.hasOwn(roles, organisation) ? roles[organisation] : undefined;
  return role !== undefined && VERBS_OF_ROLE[role].includes(verb);
}

function attemptCan(attempt: AttemptGrant, verb: Verb, { organisation, stackId }: Resource): boolean {
  if (organisation !== attempt.organisation) return false;
  if (stackId === undefined) return verb === "organisation.read";
  if (stackId !== attempt.stackId) {
    return VERBS_OF_READER.includes(verb) && attempt.readableStackIds.includes(stackId);
  }
  return VERBS_OF_ATTEMPT.includes(verb) || (verb === "stack.update" && attempt.mayChange);
}
