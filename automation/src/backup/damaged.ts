import { SlipwayError } from "../errors.ts";

/** The error of a file that is no whole backup. */
export function damagedBackup(why: string, cause?: unknown): SlipwayError {
  return new SlipwayError("backup_damaged", `The backup cannot be used: ${why}.`, {
    cause,
    remedy: "Copy the file again from where it is kept, or take another backup. Nothing was written.",
  });
}
