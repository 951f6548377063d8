import { z } from "zod";

/** A name that people give: 1 to 80 characters, no control characters (Postgres cannot store NUL in text). */
export const Name = z
  .string()
  .trim()
  .min(1)
  .max(80)
  .regex(/^\P{Cc}*$/u, "must not contain control characters");

/** A timestamptz column as an ISO instant in UTC. */
export const ColumnInstant = z.date().transform((date) => date.toISOString());

export const IdParams = z.strictObject({ id: z.uuid() });
