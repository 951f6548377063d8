import type { Role } from "../contract/access.ts";

/** What somebody wants to do. `stack.preview` takes no lock and changes nothing; `stack.update` is a bare update of the Pulumi CLI or an edit of the state. */
export type Verb =
  | "organisation.read"
  | "organisation.manage"
  | "project.create"
  | "project.remove"
  | "stack.read"
  | "stack.export"
  | "stack.preview"
  | "stack.update"
  | "stack.deploy"
  | "stack.cancel"
  | "stack.create"
  | "stack.configure"
  | "stack.remove"
  | "stack.decrypt"
  | "audit.read";

/** Where it is to be done. `stackId` is absent for verbs on an organisation or a project. */
export interface Resource {
  organisation: string;
  stackId?: string;
}

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

const VIEWER: readonly Verb[] = ["organisation.read", "stack.read", "stack.export", "audit.read"];
const DEPLOYER: readonly Verb[] = [
  ...VIEWER,
  "project.create",
  "stack.preview",
  "stack.update",
  "stack.deploy",
  "stack.cancel",
  "stack.create",
  "stack.configure",
  "stack.decrypt",
];
const ADMIN: readonly Verb[] = [...DEPLOYER, "organisation.manage", "project.remove", "stack.remove"];
const VERBS_OF_ROLE: Readonly<Record<Role, readonly Verb[]>> = {
  viewer: VIEWER,
  deployer: DEPLOYER,
  admin: ADMIN,
};
const VERBS_OF_ATTEMPT: readonly Verb[] = ["stack.read", "stack.export", "stack.preview", "stack.decrypt"];

/** Whether an actor may do something. A stack that it may not even read must be answered as one that is not there. */
export function can(actor: Actor, verb: Verb, resource: Resource): boolean {
  switch (actor.kind) {
    case "owner":
    case "system":
      return true;
    case "worker":
      return verb === "stack.read" || verb === "organisation.read";
    case "user":
    case "service": {
      const role = actor.roles[resource.organisation];
      return role !== undefined && VERBS_OF_ROLE[role].includes(verb);
    }
    case "attempt":
      return actor.attempt !== null && attemptCan(actor.attempt, verb, resource);
  }
}

function attemptCan(attempt: AttemptGrant, verb: Verb, { organisation, stackId }: Resource): boolean {
  if (organisation !== attempt.organisation) return false;
  if (stackId === undefined) return verb === "organisation.read";
  if (stackId !== attempt.stackId) {
    return (verb === "stack.read" || verb === "stack.export") && attempt.readableStackIds.includes(stackId);
  }
  return VERBS_OF_ATTEMPT.includes(verb) || (verb === "stack.update" && attempt.mayChange);
}
