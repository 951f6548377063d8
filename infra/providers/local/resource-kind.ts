import type { z } from "zod";
import type { KeeperClient } from "./keeper-client.ts";
import type { Properties } from "./values.ts";

/** What the keeper made: the id in the state and the outputs that the inputs do not tell. */
export interface Made {
  id: string;
  computed: Properties;
}

/** What is really there. `inputs` overrides those inputs that differ from what was asked for, so that the next update repairs them. */
export interface Found {
  computed: Properties;
  inputs: Properties;
}

/** One resource type. Inputs arrive checked and without marks; the server adds the marks of the inputs to the outputs again. */
export interface ResourceKind {
  /** One schema a property. Unknown values are checked once they are known. */
  readonly inputs: Readonly<Record<string, z.ZodType>>;
  /** Outputs that only exist after the create. */
  readonly computed: readonly string[];
  /** Computed outputs that are secret. */
  readonly secrets: readonly string[];
  /** Those inputs in which a change means a new resource, created before the old one is deleted. The rest is updated in place. */
  readonly replacedBy: "every input" | readonly string[];
  /** The part of an input that counts when two are compared; `state` is the resource's last known outputs. */
  comparable(name: string, value: unknown, state: Properties): unknown;
  create(keeper: KeeperClient, owner: string, inputs: Properties): Promise<Made>;
  /** Undefined when it is gone. */
  read(keeper: KeeperClient, id: string): Promise<Found | undefined>;
  update(keeper: KeeperClient, id: string, inputs: Properties): Promise<Properties>;
  remove(keeper: KeeperClient, id: string): Promise<void>;
}

/** A bundle is its content: the same bytes in another folder are no change. */
export function bundleDigest(value: unknown): unknown {
  return typeof value === "object" && value !== null && "digest" in value ? value.digest : value;
}

/** For kinds in which every change replaces: the engine never asks for an update. */
export function neverUpdated(): Promise<Properties> {
  return Promise.reject(new Error("this resource is replaced, never changed in place"));
}
