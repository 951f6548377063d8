import ipaddr from "ipaddr.js";

/** Networks that an admin of the installation allows webhooks to reach although they are not public. */
export type AllowedNetworks = readonly (readonly [ipaddr.IPv4 | ipaddr.IPv6, number])[];

/** Azure's own service for its machines: public by its number, and not meant for what users name. */
const NEVER_PUBLIC = new Set(["168.63.129.16"]);
/** Global unicast of IPv6 is 2000::/3 (RFC 4291); what lies outside is used for nothing public. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR("2000::/3");

/** Parses `10.0.0.0/8,fd00::/8`; undefined when a part is no network. */
export function parseNetworks(text: string): AllowedNetworks | undefined {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const valid = parts.every((part) => {
    const [address = ""] = part.split("/");
    // The library would also take 1/8 and 0x0a.0.0.0/8, which nobody means.
    const isPlain = ipaddr.IPv4.isValidFourPartDecimal(address) || address.includes(":");
    return isPlain && ipaddr.isValidCIDR(part);
  });
  return valid ? parts.map((part) => ipaddr.parseCIDR(part)) : undefined;
}

/** Whether an address is in a network that is allowed by name. */
export function isAllowedByName(address: string, allowed: AllowedNetworks): boolean {
  const parsed = parse(address);
  return parsed !== undefined && allowed.some((network) => contains(network, parsed));
}

/**
 * Whether a webhook may go to an address: one of the public internet, or in a network that is allowed by name. Loopback, private, link-local (where clouds keep the credentials of a
 * machine), unique local, shared, multicast, unspecified and reserved addresses are refused, as is an IPv4 address inside an IPv6 one, unless it is one that may be reached itself.
 */
export function mayReach(address: string, allowed: AllowedNetworks): boolean {
  const parsed = parse(address);
  if (parsed === undefined) return false;
  if (allowed.some((network) => contains(network, parsed))) return true;
  if (NEVER_PUBLIC.has(parsed.toString()) || parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || contains(GLOBAL_IPV6, parsed);
}

/** An address as the system resolves and connects to it; ::ffff:a.b.c.d is the IPv4 address that it stands for. */
function parse(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare = text.replace(/%.*$/, "");
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare);
  if (!ipaddr.IPv6.isValid(bare)) return undefined;
  const six = ipaddr.IPv6.parse(bare);
  const isMapped = six.parts.slice(0, 5).every((part) => part === 0) && six.parts[5] === 0xffff;
  return isMapped ? six.toIPv4Address() : six;
}

function contains(
  [network, bits]: readonly [ipaddr.IPv4 | ipaddr.IPv6, number],
  address: ipaddr.IPv4 | ipaddr.IPv6,
): boolean {
  return network.kind() === address.kind() && address.match(network, bits);
}
