import type { Database } from "../database.ts";
import { SlipwayError } from "../errors.ts";
import { missing } from "./missing.ts";
import type { Actor, Resource, Verb } from "./rules.ts";
import { decide, INSTALLATION } from "./rules.ts";
import {
  findProjectOfDelivery,
  findStackOfDeployment,
  findStackOfUpdate,
  findStackResource,
} from "./store.ts";

/** What a request is about. */
export type Subject =
  | { kind: "installation" }
  | { kind: "organisation"; organisation: string }
  | { kind: "project"; organisation: string; project: string }
  | { kind: "stack"; organisation: string; project: string; stack: string }
  | { kind: "deployment"; id: string }
  | { kind: "update"; id: string }
  | { kind: "delivery"; id: string };

/**
 * Returns when an actor may do something to a subject. Throws `not_found` when it may not know of it, or there is no such thing
 * and that had to be looked up, else `forbidden`.
 */
export async function authorise(db: Database, actor: Actor, verb: Verb, subject: Subject): Promise<void> {
  const resource = await resourceOf(db, actor, subject);
  switch (resource === undefined ? "hidden" : decide(actor, verb, resource)) {
    case "allowed":
      return;
    case "hidden":
      throw missingError(subject);
    case "forbidden":
      throw new SlipwayError("forbidden", `${actor.name} may not do this: it needs '${verb}'.`, {
        remedy: "Ask an admin of the organisation for another role, or the owner.",
      });
  }
}

async function resourceOf(db: Database, actor: Actor, subject: Subject): Promise<Resource | undefined> {
  switch (subject.kind) {
    case "installation":
      return INSTALLATION;
    case "organisation":
    case "project":
      return { organisation: subject.organisation };
    case "stack":
      // Roles are an organisation's: only an attempt needs to know which stack it is.
      if (actor.kind !== "attempt") return { organisation: subject.organisation };
      return findStackResource(db, subject);
    case "deployment":
      return findStackOfDeployment(db, subject.id);
    case "update":
      return findStackOfUpdate(db, subject.id);
    case "delivery":
      return findProjectOfDelivery(db, subject.id);
  }
}

function missingError(subject: Subject): SlipwayError {
  switch (subject.kind) {
    case "installation":
      return new SlipwayError("not_found", "There is nothing at this address.");
    case "organisation":
      return missing.organisation(subject.organisation);
    case "project":
      return missing.project(subject);
    case "stack":
      return missing.stack(subject);
    case "deployment":
      return missing.deployment(subject.id);
    case "update":
      return missing.update(subject.id);
    case "delivery":
      return missing.delivery(subject.id);
  }
}
