/** SQLSTATE disk_full, of Postgres. */
const DISK_FULL = "53100";

/** Whether an error, or what caused it, is Postgres saying that its disk is full. */
export function isDatabaseFull(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause)
    if ("code" in one && one.code === DISK_FULL) return true;
  return false;
}
