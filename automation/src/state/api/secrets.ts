import { setImmediate as nextTurn } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { appendAudit } from "../../audit/store.ts";
import { subjectOf } from "../../audit/subject.ts";
import type { Database } from "../../database.ts";
import { withTransaction } from "../../database.ts";
import { keyVersionOf, openWith, sealWith } from "../../secrets/envelope.ts";
import type { Keyring } from "../../secrets/keyring.ts";
import { clientOf, commandOf } from "./audit.ts";
import { BATCH_BODY_BYTES, parseBody, parseOptionalBody } from "./bodies.ts";
import type { StackCall } from "./route.ts";
import { stackRoute } from "./route.ts";

/** So many bytes are encrypted or decrypted before other requests get their turn. */
const BYTES_A_TURN = 4 * 1024 * 1024;
const LONGEST_CLAIM = 200;

/** Go writes a nil slice of bytes as null. */
const Bytes = z
  .string()
  .refine(isBase64, "must be base64")
  .nullish()
  .transform((text) => text ?? "");
const EncryptRequest = z.object({ plaintext: Bytes });
const DecryptRequest = z.object({ ciphertext: Bytes });
const BatchEncryptRequest = z.object({ plaintexts: z.array(Bytes).nullish() });
const BatchDecryptRequest = z.object({ ciphertexts: z.array(Bytes).nullish() });
const LogDecryptionRequest = z.object({
  secretName: z.string().nullish(),
  commandName: z.string().nullish(),
});

/** Encrypts and decrypts for stacks whose secrets Slipway keeps, and notes what clients decrypt by themselves. */
export function secretRoutes(
  api: FastifyInstance,
  { db, keyring }: { db: Database; keyring: Keyring },
): void {
  // Sealing tells nothing, and the CLI asks for it on commands that only read. State holds the name that a stack had when its secrets were sealed.
  const sealing = {
    method: "POST",
    needs: "stack.read",
    aliases: true,
    bodyLimitBytes: BATCH_BODY_BYTES,
  } as const;
  const opening = { ...sealing, needs: "stack.decrypt" } as const;

  stackRoute(api, db, { ...sealing, path: "/encrypt" }, async ({ stack, request }) => {
    const { plaintext } = parseBody(request, EncryptRequest);
    const [ciphertext] = await sealAll(keyring, db, stack.stackId, [plaintext]);
    return { ciphertext };
  });

  stackRoute(api, db, { ...sealing, path: "/batch-encrypt" }, async ({ stack, request }) => {
    const { plaintexts } = parseBody(request, BatchEncryptRequest);
    return { ciphertexts: await sealAll(keyring, db, stack.stackId, plaintexts ?? []) };
  });

  stackRoute(api, db, { ...opening, path: "/decrypt" }, async (call) => {
    const { ciphertext } = parseBody(call.request, DecryptRequest);
    const opened = await openAudited(keyring, db, call, [ciphertext]);
    return { plaintext: opened.get(ciphertext) };
  });

  stackRoute(api, db, { ...opening, path: "/batch-decrypt" }, async (call) => {
    const { ciphertexts } = parseBody(call.request, BatchDecryptRequest);
    // Every ciphertext as it was sent: the CLI ends in a panic when one is missing.
    return { plaintexts: Object.fromEntries(await openAudited(keyring, db, call, ciphertexts ?? [])) };
  });

  for (const path of ["/decrypt/log-decryption", "/decrypt/log-batch-decryption"]) {
    stackRoute(api, db, { method: "POST", path, needs: "stack.read", aliases: true }, async (call) => {
      const { secretName, commandName } = parseOptionalBody(call.request, LogDecryptionRequest);
      const claimed = {
        ...(secretName ? { secret: secretName.slice(0, LONGEST_CLAIM) } : {}),
        ...(commandName ? { command: commandName.slice(0, LONGEST_CLAIM) } : {}),
      };
      await withTransaction(db, (trx) => audit(trx, call, "secret.decryption_reported", {}, claimed));
      return null;
    });
  }
}

/** Seals values in their order: base64 in, base64 out. */
async function sealAll(
  keyring: Keyring,
  db: Database,
  stackId: string,
  plaintexts: readonly string[],
): Promise<string[]> {
  if (plaintexts.length === 0) return [];
  const key = await keyring.newest(db, stackId);
  const turns = new Turns();
  const sealed: string[] = [];
  for (const plaintext of plaintexts) {
    await turns.count(plaintext.length);
    sealed.push(sealWith(key, "config", Buffer.from(plaintext, "base64")).toString("base64"));
  }
  return sealed;
}

/** Opens values, by their ciphertext as it was sent. One audit entry tells of all: who, which stack, how many, for which command. */
async function openAudited(
  keyring: Keyring,
  db: Database,
  call: StackCall,
  ciphertexts: readonly string[],
): Promise<Map<string, string>> {
  const opened = new Map<string, string>();
  if (ciphertexts.length === 0) return opened;
  const turns = new Turns();
  for (const ciphertext of new Set(ciphertexts)) {
    await turns.count(ciphertext.length);
    const sealed = Buffer.from(ciphertext, "base64");
    const key = await keyring.version(db, call.stack.stackId, keyVersionOf(sealed));
    opened.set(ciphertext, openWith(key, "config", sealed).toString("base64"));
  }
  // Nothing leaves before the entry is there.
  await withTransaction(db, (trx) => audit(trx, call, "secret.decrypted", { values: opened.size }, {}));
  return opened;
}

function audit(
  trx: Parameters<typeof appendAudit>[0],
  { actor, request, stack }: StackCall,
  action: string,
  details: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, string>>,
): Promise<void> {
  const client = clientOf(request);
  const command = commandOf(request);
  const claimed = {
    ...(client === null ? {} : { client }),
    ...(command === undefined ? {} : { command }),
    ...claims,
  };
  return appendAudit(trx, {
    principal: actor.id,
    action,
    organisation: stack.name.organisation,
    subject: subjectOf(stack.name),
    details: { ...details, claimed },
    requestId: request.id,
  });
}

/** Lets other requests run between the parts of a long calculation. */
class Turns {
  #bytes = 0;

  async count(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes < BYTES_A_TURN) return;
    this.#bytes = 0;
    await nextTurn();
  }
}

/** Linear in the length; a pattern for the whole would use up the stack on a large secret. */
function isBase64(text: string): boolean {
  return (
    text.length % 4 === 0 && !/[^A-Za-z0-9+/=]/.test(text) && !/=[^=]/.test(text) && !text.endsWith("===")
  );
}
