import path from "node:path";

/** Which key wraps new data keys. */
export type KeyChoice =
  | { provider: "file"; file: string }
  | { provider: "aws-kms"; arn: string }
  | { provider: "vault"; mount: string; key: string };

/** How Vault is reached. */
export interface VaultSettings {
  address: string;
  namespace: string | undefined;
  /** Read anew for each call: an agent renews it. Wins over `token`. */
  tokenFile: string | undefined;
  token: string | undefined;
}

/** Everything that decides where keys come from. */
export interface KeySettings {
  choice: KeyChoice;
  /** The file key that an installation starts with, `<data>/secret.key`. */
  defaultFile: string;
  /** Undefined: no address is configured. */
  vault: VaultSettings | undefined;
}

/** Of an installation that configures nothing: the file `<data>/secret.key`. */
export function defaultKeySettings(dataDir: string): KeySettings {
  const file = path.join(dataDir, "secret.key");
  return { choice: { provider: "file", file }, defaultFile: file, vault: undefined };
}

/** What SLIPWAY_KEY may be, for the text of an error. */
export const KEY_EXPECTED =
  "file, file:<path>, aws-kms:<key ARN> or vault:<mount>/<key>, with a name that stands for one key only";

const KMS_KEY_ARN = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/;
const VAULT_KEY = /^([A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*)\/([A-Za-z0-9_.-]+)$/;

/**
 * The key that a text names, undefined when it names none. A relative path starts at `root`. An alias of AWS KMS is none: it can be moved
 * to another key, which would then open nothing.
 */
export function parseKeyChoice(
  text: string,
  places: { root: string; defaultFile: string },
): KeyChoice | undefined {
  if (text === "file") return { provider: "file", file: places.defaultFile };
  const [, provider, name = ""] = /^(file|aws-kms|vault):(.+)$/.exec(text) ?? [];
  switch (provider) {
    case "file":
      return { provider, file: path.resolve(places.root, name) };
    case "aws-kms":
      return KMS_KEY_ARN.test(name) ? { provider, arn: name } : undefined;
    case "vault": {
      const [, mount, key] = VAULT_KEY.exec(name) ?? [];
      return mount === undefined || key === undefined ? undefined : { provider, mount, key };
    }
    default:
      return undefined;
  }
}
