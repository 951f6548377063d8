/** For all parts, where the peer takes PEER_MINUTES. */
export const LIMIT_MINUTES = 30;
/** Parts of the same run that do little but compute, with programs of others. */
export const PEER_PARTS = ["lint", "types"];
/** What they took together on 2 cores on which all parts took 24 minutes. */
export const PEER_MINUTES = 2.6;

/**
 * How many minutes all parts may take on this machine. A clock alone would judge the machine: the same checks took 24 minutes on one with two cores and 31 on another. A machine that is faster gets
 * no less than LIMIT_MINUTES. `table`: parts that ran, with their minutes.
 */
export function timeLimit(table) {
  const peer = table
    .filter(({ name }) => PEER_PARTS.includes(name))
    .reduce((all, one) => all + one.minutes, 0);
  return { peer, limit: LIMIT_MINUTES * Math.max(1, peer / PEER_MINUTES) };
}
