import { z } from "zod";

export const Usage = z.object({
  uptimeSeconds: z.number(),
  cpu: z.object({
    userSeconds: z.number(),
    systemSeconds: z.number(),
    /** Mean use of one core since the start of the process; above 100 when several are busy. */
    averagePercent: z.number(),
  }),
  memory: z.object({ rssBytes: z.number(), heapUsedBytes: z.number(), heapTotalBytes: z.number() }),
});

/** What this process has used so far. Reads counters only; takes well under a millisecond. */
export function processUsage(): z.output<typeof Usage> {
  const uptimeSeconds = process.uptime();
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  const seconds = (microseconds: number) => Math.round(microseconds / 1_000) / 1_000;
  return {
    uptimeSeconds: Math.round(uptimeSeconds * 1_000) / 1_000,
    cpu: {
      userSeconds: seconds(user),
      systemSeconds: seconds(system),
      averagePercent: Math.round(((user + system) / 1e6 / uptimeSeconds) * 1_000) / 10,
    },
    memory: { rssBytes: rss, heapUsedBytes: heapUsed, heapTotalBytes: heapTotal },
  };
}
