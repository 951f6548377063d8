import { z } from "zod";
import { Id, Instant } from "./identifiers.ts";

/** `drifted`: something is gone or has other inputs. `unknown`: the check could not be made; it says nothing about the stack. */
export const DriftStatus = z.enum(["clean", "drifted", "unknown"]);
export type DriftStatus = z.infer<typeof DriftStatus>;

/** `gone`: the provider has it no more. `input-changed`: what the program sets has another value. `output-only`: only what the provider reports differs. */
export const DriftClass = z.enum(["gone", "input-changed", "output-only"]);
export type DriftClass = z.infer<typeof DriftClass>;

/** One resource that differs from the state. Paths of properties, never values. */
export const DriftedResource = z
  .object({
    urn: z.string(),
    resourceType: z.string(),
    name: z.string(),
    class: DriftClass,
    changedProperties: z.array(z.string()),
    /** Of these the values are sealed, so that a difference is known or guessed without them. */
    sealedProperties: z.array(z.string()),
  })
  .meta({ id: "DriftedResource" });
export type DriftedResource = z.infer<typeof DriftedResource>;

/** What one drift check found. */
export const DriftCheck = z
  .object({
    id: Id,
    deploymentId: Id,
    /** The schedule that asked for it; null: a person did. */
    schedule: z.string().nullable(),
    status: DriftStatus,
    /** unknown: why the check could not be made. */
    cause: z.string().nullable(),
    checkedAt: Instant,
    /** Number of the state that was compared; null: the stack has none, or none was read. */
    state: z.int().nullable(),
    /** The release whose source and config were used; null: the state alone. */
    release: z.int().nullable(),
    gone: z.int(),
    inputChanged: z.int(),
    outputOnly: z.int(),
    /** The first of them; the counts are of all. */
    resources: z.array(DriftedResource),
  })
  .meta({ id: "DriftCheck" });
export type DriftCheck = z.infer<typeof DriftCheck>;

/** Where a stack stands. */
export const StackDrift = z
  .object({
    latest: DriftCheck.nullable(),
    /** The newest check that could be made, when the latest one could not. */
    lastKnown: DriftCheck.nullable(),
    /** The schedule that checks next; null: none does. */
    next: z.object({ schedule: z.string(), at: Instant }).nullable(),
  })
  .meta({ id: "StackDrift" });
export type StackDrift = z.infer<typeof StackDrift>;
