import type { Database } from "../database.ts";
import type { DataKey, Purpose } from "./envelope.ts";
import type { InstallationKey } from "./installation-key.ts";
import type { WrappingKeys } from "./wrapping-keys.ts";

/**
 * The data keys of all stacks, unwrapped on demand and kept in memory. `db` may be a transaction: what must see the caller's rows, and
 * what must not wait for a second connection, passes its own.
 */
export interface Keyring {
  /** The newest data key of a stack; makes the first one when there is none. */
  newest(db: Database, stackId: string): Promise<DataKey>;
  /** One version. Throws SlipwayError `secret_unreadable` when the stack has no such key. */
  version(db: Database, stackId: string, version: number): Promise<DataKey>;
  seal(db: Database, stackId: string, purpose: Purpose, clear: Uint8Array): Promise<Buffer>;
  open(db: Database, stackId: string, purpose: Purpose, sealed: Uint8Array): Promise<Buffer>;
  /** What wraps the data keys. */
  readonly wrapping: WrappingKeys;
  /** Opens what was sealed before there were data keys, and makes config digests. */
  readonly installation: InstallationKey;
}
