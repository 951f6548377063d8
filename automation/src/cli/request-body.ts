import type { z } from "zod";
import { usageError } from "./failure.ts";

/** The body of a request made of options, checked before it is sent; a usage error names what is wrong. */
export function bodyOf<Schema extends z.ZodType>(
  schema: Schema,
  given: unknown,
  help: string,
): z.output<Schema> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const place = issue?.path.join(".") ?? "";
  throw usageError(`${place === "" ? "The options" : place}: ${issue?.message ?? "cannot be used"}.`, help);
}
