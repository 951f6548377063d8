import { z } from "zod";
import { messageOf, SlipwayError } from "../errors.ts";
import type { VaultSettings } from "./key-settings.ts";
import { readPrivateFile } from "./private-file.ts";
import type { WrapContext, WrappingKey } from "./wrapping-key.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const ERROR_TEXT_LIMIT = 300;

const Wrapped = z.object({ data: z.object({ ciphertext: z.string().startsWith("vault:") }) });
const Unwrapped = z.object({ data: z.object({ plaintext: z.base64() }) });
const Refused = z.object({ errors: z.array(z.string()) });

/**
 * A key of Vault's transit engine (POST <mount>/encrypt/<key>, <mount>/decrypt/<key>), which must be of an AEAD type: the context goes as
 * associated data, which Vault knows since 1.13. `settings` undefined: no address is configured, and every call says so.
 */
export function vaultKey(mount: string, key: string, settings: VaultSettings | undefined): WrappingKey {
  const id = `vault:${mount}/${key}`;
  const ask = async <Schema extends z.ZodType>(
    verb: "encrypt" | "decrypt",
    body: Record<string, string>,
    answer: Schema,
  ): Promise<z.output<Schema>> => {
    const response = await post(id, settings, `v1/${mount}/${verb}/${key}`, body);
    const text = await response.text().catch((cause: unknown) => {
      throw unavailable(id, `Vault's answer broke off: ${messageOf(cause)}`, cause);
    });
    const parsed = parseJson(text);
    if (response.ok) {
      const result = answer.safeParse(parsed);
      if (result.success) return result.data;
      // Not the answer itself: it may hold a key.
      throw unavailable(id, "Vault answered in a form that is not transit's");
    }
    const refused = Refused.safeParse(parsed);
    const why = refused.success
      ? refused.data.errors.join("; ").slice(0, ERROR_TEXT_LIMIT)
      : "no reason given";
    // 400 is what transit answers for a ciphertext that it cannot open; a missing key or mount is answered 404 or 400 in words.
    if (verb === "decrypt" && response.status === 400 && !/key not found|no handler/i.test(why)) {
      throw new SlipwayError("key_wrong", `The key ${id} does not open this data key: ${why}.`, {
        remedy:
          "Start with the database that belongs to this key. A key of the same name that was made anew is another key.",
      });
    }
    throw unavailable(id, `Vault answered ${response.status}: ${why}`);
  };
  return {
    id,
    wrap: async (context, clear) => {
      const body = {
        plaintext: Buffer.from(clear).toString("base64"),
        associated_data: associatedData(context),
      };
      return Buffer.from((await ask("encrypt", body, Wrapped)).data.ciphertext, "utf8");
    },
    unwrap: async (context, wrapped) => {
      const body = {
        ciphertext: Buffer.from(wrapped).toString("utf8"),
        associated_data: associatedData(context),
      };
      return Buffer.from((await ask("decrypt", body, Unwrapped)).data.plaintext, "base64");
    },
  };
}

async function post(
  id: string,
  settings: VaultSettings | undefined,
  path: string,
  body: Record<string, string>,
): Promise<Response> {
  if (settings === undefined) {
    throw new SlipwayError(
      "key_unavailable",
      `The key ${id} is needed, and no address of Vault is configured.`,
      {
        remedy: "Set SLIPWAY_VAULT_ADDR, and SLIPWAY_VAULT_TOKEN_FILE or SLIPWAY_VAULT_TOKEN.",
      },
    );
  }
  const token = await tokenOf(id, settings);
  try {
    return await fetch(new URL(path, `${settings.address.replace(/\/$/, "")}/`), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-vault-token": token,
        // Against requests that a browser or proxy was tricked into; Vault may be set to ask for it.
        "x-vault-request": "true",
        ...(settings.namespace === undefined ? {} : { "x-vault-namespace": settings.namespace }),
      },
      body: JSON.stringify(body),
      // The token goes to the configured address only.
      redirect: "error",
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (cause) {
    const inner =
      cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause);
    throw unavailable(id, `Vault at ${new URL(settings.address).origin} cannot be reached: ${inner}`, cause);
  }
}

async function tokenOf(id: string, { tokenFile, token }: VaultSettings): Promise<string> {
  const read = tokenFile === undefined ? token : await readPrivateFile(tokenFile);
  const text = read?.trim() ?? "";
  // A token with other characters would make fetch print it in its error.
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  const where = tokenFile ?? "SLIPWAY_VAULT_TOKEN";
  throw new SlipwayError("key_unavailable", `The key ${id} needs a token of Vault; ${where} holds none.`, {
    remedy: "Set SLIPWAY_VAULT_TOKEN_FILE (a file with mode 600) or SLIPWAY_VAULT_TOKEN.",
  });
}

function unavailable(id: string, what: string, cause?: unknown): SlipwayError {
  return new SlipwayError("key_unavailable", `${what} (wrapping key ${id}).`, {
    cause,
    remedy:
      "Check that Vault is unsealed and reachable, and that the token may update encrypt/ and decrypt/ of this key.",
  });
}

function associatedData(context: WrapContext): string {
  const sorted = Object.entries(context).sort(([one], [other]) => (one < other ? -1 : 1));
  return Buffer.from(JSON.stringify(sorted), "utf8").toString("base64");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whatever is no JSON has no form that anything below accepts.
    return undefined;
  }
}
