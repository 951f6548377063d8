import { z } from "zod";
import { SlipwayError } from "../../errors.ts";
import type { SecretValue, SlotName } from "./formats.ts";
import { normalised, slotOf, wrongValue } from "./formats.ts";

const Values = z.record(z.string(), z.record(z.string(), z.string()).nullable());

/**
 * Values that were written as JSON, by slot: those of `wanted` alone; null and what is left out are skipped. Throws SlipwayError `invalid_secrets` that names every slot and field which is
 * wrong, and no value: not even the parser's word on the text, which would quote it.
 */
export function parseSecretValues(text: string, wanted: readonly SlotName[]): Map<SlotName, SecretValue> {
  const parsed = Values.safeParse(jsonOf(text));
  if (!parsed.success) throw notTheTemplate();
  const values = new Map<SlotName, SecretValue>();
  const issues: { path: string; message: string }[] = [];
  for (const [name, given] of Object.entries(parsed.data)) {
    const slot = slotOf(name)?.name;
    if (slot === undefined) issues.push({ path: shownName(name), message: "is no slot" });
    if (slot === undefined || given === null || !wanted.includes(slot)) continue;
    const value = Object.fromEntries(
      Object.entries(given)
        .map(([field, value]) => [field, normalised(value)])
        .filter(([, value]) => value !== ""),
    ) as SecretValue;
    const wrong = wrongValue(slot, value);
    for (const { field, message } of wrong) issues.push({ path: `${slot}.${shownName(field)}`, message });
    if (wrong.length === 0) values.set(slot, value);
  }
  if (issues.length === 0) return values;
  throw new SlipwayError("invalid_secrets", "Some values cannot be right. Nothing was stored.", {
    remedy: "Correct them, or leave their slots out: slipway secrets template prints what is expected.",
    details: { issues },
  });
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes what it stumbled over, which may be a secret.
    throw notTheTemplate();
  }
}

function notTheTemplate(): SlipwayError {
  return new SlipwayError("invalid_secrets", "The values are not written as the template has them.", {
    remedy: "Fill in what slipway secrets template prints.",
  });
}

/** A name that somebody wrote may be a value in the wrong place. */
function shownName(name: string): string {
  return /^[a-zA-Z]{1,20}$/.test(name) ? name : "(a name that is not shown)";
}
