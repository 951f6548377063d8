import type { Clock } from "../../clock.ts";
import type { Database } from "../../database.ts";
import type { HostRule } from "../../http/hosts.ts";
import type { Keyring } from "../../secrets/keyring.ts";

/** What the service API works with. */
export interface StateApiDependencies {
  db: Database;
  clock: Clock;
  keyring: Keyring;
  hosts: HostRule;
  /** Other times than those that the protocol expects. */
  timing?: { leaseMs?: number; drainMs?: number };
}
