import { failed, passed, type Verdict } from "./check.ts";

/** A record as Route 53 has it, as far as it says where a name leads. */
export interface NamedRecord {
  name: string;
  type: string;
  aliasTo: string | null;
  values: readonly string[];
}

/** A domain name without the dot at its end, in lower case; Route 53 writes `*` as `\052`. */
export function plainName(name: string): string {
  return name.replace(/\.$/, "").replace("\\052", "*").toLowerCase();
}

export function judgeZone(zone: string, found: string): Verdict {
  return plainName(found) === plainName(zone)
    ? passed(`the zone ${plainName(zone)} exists`)
    : failed(`the zone is called ${plainName(found)}, not ${plainName(zone)}`);
}

/** Whether the world asks the name servers that Route 53 gave the zone. */
export function judgeDelegation(given: readonly string[], resolved: readonly string[]): Verdict {
  const [ours, theirs] = [given, resolved].map((all) => all.map(plainName).toSorted().join(", "));
  if (theirs === "") return failed(`nobody is asked for the zone; its name servers are ${ours}`);
  return ours === theirs
    ? passed(`the name servers are ${theirs}`)
    : failed(`${theirs} are asked for the zone; its name servers are ${ours}`);
}

/** Whether the zone leads a domain to `target`: by an alias or a CNAME. */
export function judgeRecord(domain: string, target: string, records: readonly NamedRecord[]): Verdict {
  const named = records.filter((one) => plainName(one.name) === plainName(domain));
  const leading = named.filter((one) => ["A", "AAAA", "CNAME"].includes(one.type));
  if (leading.length === 0) return failed(`the zone has no A, AAAA or CNAME record of ${domain}`);
  for (const record of leading) {
    const to = record.aliasTo ?? (record.type === "CNAME" ? (record.values[0] ?? null) : null);
    if (to === null)
      return failed(`the ${record.type} record of ${domain} is ${record.values.join(", ")}, not ${target}`);
    if (plainName(to) !== plainName(target))
      return failed(
        `the ${record.type} record of ${domain} leads to ${plainName(to)}, not ${plainName(target)}`,
      );
  }
  if (!leading.some((one) => one.type !== "AAAA")) return failed(`${domain} has no address of IPv4`);
  return passed(`${leading.map((one) => one.type).join(" and ")} lead to ${plainName(target)}`);
}

/**
 * Whether a name resolves. Which addresses a target has differs from one answer to the next, so that other addresses than the target's are said, and decide nothing:
 * where the name leads is what its record and the zone's name servers show.
 */
export function judgeResolution(
  domain: string,
  addresses: readonly string[],
  targetAddresses: readonly string[],
): Verdict {
  if (addresses.length === 0) return failed(`${domain} has no address`);
  const shared = addresses.filter((one) => targetAddresses.includes(one)).length;
  const same = shared > 0 ? "its target's too" : "at this moment none of its target's";
  return passed(`${addresses.join(", ")}, ${same}`);
}

/** Whether the API's own domain serves the API. */
export function judgeMapping(
  api: { id: string; stage: string },
  mappings: readonly { apiId: string; stage: string }[],
): Verdict {
  if (mappings.some((one) => one.apiId === api.id && one.stage === api.stage))
    return passed(`it serves stage ${api.stage} of API ${api.id}`);
  const others = mappings.map((one) => `${one.apiId}/${one.stage}`).join(", ");
  return failed(others === "" ? "no API is mapped to it" : `it serves ${others}, not ${api.id}/${api.stage}`);
}
