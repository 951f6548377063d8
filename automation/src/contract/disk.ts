import { z } from "zod";
import { Instant } from "./identifiers.ts";

/** Whether there is space for new work. Without names of folders: everybody who signs in may ask. */
export const DiskStatus = z
  .object({
    /** New deployments and imports are refused. */
    low: z.boolean(),
    /** Free on the fullest disk that the server writes to, and what it wants at least. */
    freeBytes: z.int(),
    minimumBytes: z.int(),
    /** The database said lately that its disk is full. */
    databaseFull: z.boolean(),
    checkedAt: Instant,
  })
  .meta({ id: "DiskStatus" });
export type DiskStatus = z.infer<typeof DiskStatus>;
