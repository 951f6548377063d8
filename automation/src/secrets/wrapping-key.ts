/** What a wrapped key belongs to. One that is moved elsewhere does not unwrap; AWS KMS logs it with each call. */
export type WrapContext = Readonly<Record<string, string>>;

/** A key outside the database that wraps data keys. It holds no connection: nothing is to be closed. */
export interface WrappingKey {
  /** As in wrapping_keys.id. */
  readonly id: string;
  /** Throws SlipwayError `key_unavailable` when the key's provider cannot be asked. */
  wrap(context: WrapContext, clear: Uint8Array): Promise<Buffer>;
  /** Throws SlipwayError `key_wrong` when this key did not wrap it for this context, `key_unavailable` as `wrap`. */
  unwrap(context: WrapContext, wrapped: Uint8Array): Promise<Buffer>;
}

/** The context of one version of a stack's data key. */
export function dataKeyContext(stackId: string, version: number): WrapContext {
  return { "slipway:stack": stackId, "slipway:version": String(version) };
}

/** The context of a key that belongs to no stack. */
export function installationKeyContext(name: string): WrapContext {
  return { "slipway:installation": name };
}
