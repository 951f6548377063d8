import { formatAge, formatDuration } from "../client/index.ts";
import type { StackWriter } from "../contract/updates.ts";

/** Who holds a stack, until when and what frees it, as lines of name and text. `now` in milliseconds. */
export function writerLines(writer: StackWriter | null, now: number): [string, string][] {
  if (writer === null) return [["held by", "nobody"]];
  const left = Date.parse(writer.expiresAt) - now;
  const until = writer.expired
    ? `ran out ${formatAge(writer.expiresAt, now)}; Slipway frees the stack by itself`
    : `${writer.expiresAt}, in ${formatDuration(left)} unless it is renewed`;
  const entry = writer.lastEntryAt === null ? "none yet" : formatAge(writer.lastEntryAt, now);
  return [
    ["held by", `${holderOf(writer)} of ${writer.principal}${placeOf(writer)}`],
    ["held since", formatAge(writer.since, now)],
    ["held until", until],
    ["last journal entry", entry],
    ["freed by", writer.release],
  ];
}

/** What holds it, as other commands take it. */
function holderOf({ holder }: StackWriter): string {
  if (holder.kind === "attempt") return `deployment #${holder.number}`;
  return holder.number === null ? "the Pulumi CLI" : `update v${holder.number} of the Pulumi CLI`;
}

/** A worker's host, or the address that a client asked from. */
function placeOf({ holder, host }: StackWriter): string {
  if (host === null) return "";
  return holder.kind === "attempt" ? ` on ${host}` : ` from ${host}`;
}
