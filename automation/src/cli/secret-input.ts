import { fstat } from "node:fs";
import path from "node:path";
import { Writable } from "node:stream";
import { promisify } from "node:util";
import type { SecretValue, SlotName } from "../aws/secrets/formats.ts";
import { fieldsOf, normalised, slotOf, wrongField, wrongValue } from "../aws/secrets/formats.ts";
import { parseSecretValues } from "../aws/secrets/input.ts";
import { SlipwayError } from "../errors.ts";
import { readPrivateFile } from "../secrets/private-file.ts";
import type { CliContext } from "./context.ts";
import { usageError } from "./failure.ts";
import { readInput } from "./hidden-input.ts";
import { printLine } from "./output.ts";

/** Rights of anybody but the owner. */
const OTHERS = 0o077;

/**
 * Values of these slots: of a file that nobody else may read, of standard input, or typed unseen on a terminal, where a slot is skipped by an empty key. Answers those that were given, all of
 * them in the right form. Throws `secret_file_exposed`, `invalid_secrets` and `usage`.
 */
export async function readSecretValues(
  context: CliContext,
  slots: readonly SlotName[],
  file: string | undefined,
): Promise<Map<SlotName, SecretValue>> {
  if (file !== undefined) {
    const place = path.resolve(context.cwd, file);
    const text = await readPrivateFile(place);
    if (text === undefined)
      throw usageError(`There is no file ${place}.`, "slipway secrets template prints what belongs into it.");
    return parseSecretValues(text, slots);
  }
  if (context.stdin.isTTY !== true) {
    await refuseExposedInput(context);
    return parseSecretValues(await readInput(context), slots);
  }
  return promptForValues(context, slots);
}

/** A file that others may read is no better when it is fed by the shell. A pipe has no rights of its own. */
async function refuseExposedInput({ stdin }: CliContext): Promise<void> {
  if (!("fd" in stdin) || typeof stdin.fd !== "number") return;
  const found = await promisify(fstat)(stdin.fd);
  if (!found.isFile() || (found.mode & OTHERS) === 0) return;
  throw new SlipwayError("secret_file_exposed", "The file on standard input may be read by others.", {
    remedy: "Run chmod 600 on it first.",
  });
}

async function promptForValues(
  context: CliContext,
  slots: readonly SlotName[],
): Promise<Map<SlotName, SecretValue>> {
  const values = new Map<SlotName, SecretValue>();
  printLine(context, "Nothing that you type is shown. Press Enter without a key to skip a slot.");
  for (const slot of slots) {
    const value = await promptForValue(context, slot);
    if (value !== null) values.set(slot, value);
  }
  return values;
}

/** Asks for one slot's fields until they are right; null: it is skipped. */
async function promptForValue(context: CliContext, slot: SlotName): Promise<SecretValue | null> {
  const { password, isCancel } = await import("@clack/prompts");
  const title = slotOf(slot)?.title ?? slot;
  for (;;) {
    const value: Record<string, string> = {};
    for (const [index, field] of fieldsOf(slot).entries()) {
      const answer = await password({
        message: `${title}: ${field.title}`,
        signal: context.signal,
        input: context.stdin,
        ...(context.stdout instanceof Writable ? { output: context.stdout } : {}),
        validate: (text) => {
          // An empty key skips the slot; once there is a key, the rest belongs to it.
          if ((text ?? "") === "" && index === 0) return undefined;
          const wrong = wrongField(field, normalised(text ?? ""));
          return wrong === null ? undefined : `${field.title} ${wrong}.`;
        },
      });
      if (isCancel(answer)) throw new SlipwayError("interrupted", "Nothing was stored.");
      const given = normalised(answer);
      if (given === "" && index === 0) return null;
      if (given !== "") value[field.name] = given;
    }
    const wrong = wrongValue(slot, value);
    if (wrong.length === 0) return value;
    for (const { field, message } of wrong) printLine(context, `${title}: ${field} ${message}.`);
  }
}
