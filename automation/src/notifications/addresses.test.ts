import { expect, test } from "vitest";
import { isAllowedByName, mayReach, parseNetworks } from "./addresses.ts";

test.each([
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback"],
  ["0.0.0.0", "this host"],
  ["10.0.0.1", "private"],
  ["172.16.0.1", "private"],
  ["192.168.1.1", "private"],
  ["169.254.169.254", "metadata of AWS, Google and Azure"],
  ["169.254.170.2", "credentials of containers"],
  ["100.100.100.200", "metadata of Alibaba"],
  ["100.64.0.1", "carrier-grade NAT"],
  ["168.63.129.16", "Azure's wire server"],
  ["192.0.0.192", "metadata of Oracle"],
  ["198.18.0.1", "benchmarks"],
  ["203.0.113.5", "documentation"],
  ["224.0.0.1", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["240.0.0.1", "reserved"],
  ["::1", "loopback"],
  ["::", "unspecified"],
  ["fe80::1", "link-local"],
  ["fe80::1%eth0", "link-local with a zone"],
  ["fec0::1", "site-local"],
  ["fd00:ec2::254", "metadata of AWS by IPv6"],
  ["fc00::1", "unique local"],
  ["ff02::1", "multicast"],
  ["::ffff:127.0.0.1", "mapped IPv4"],
  ["::ffff:7f00:1", "mapped IPv4 in hexadecimal"],
  ["::ffff:169.254.169.254", "mapped metadata"],
  ["::127.0.0.1", "IPv4-compatible"],
  ["::ffff:0:127.0.0.1", "translated IPv4"],
  ["64:ff9b::7f00:1", "NAT64"],
  ["64:ff9b:1::a00:1", "local NAT64"],
  ["2002:7f00:1::", "6to4"],
  ["2001::1", "Teredo"],
  ["2001:db8::1", "documentation"],
  ["4000::1", "outside of global unicast"],
  ["", "nothing"],
  ["localhost", "a name"],
  ["0x7f.1", "no address as a resolver gives it"],
  ["2130706433", "no address as a resolver gives it"],
])("%s (%s) is refused", (address) => {
  expect(mayReach(address, [])).toBe(false);
});

test.each(["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:81b::200e", "::ffff:8.8.8.8"])(
  "%s may be reached",
  (address) => {
    expect(mayReach(address, [])).toBe(true);
  },
);

test("a network that is allowed by name is reached, its neighbour is not", () => {
  const allowed = parseNetworks("10.1.0.0/16, fd00:1::/64") ?? [];
  const asked = ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5", "10.2.0.1", "fd00:2::5", "127.0.0.1"];
  expect(asked.map((address) => mayReach(address, allowed))).toEqual([true, true, true, false, false, false]);
  expect(isAllowedByName("8.8.8.8", allowed)).toBe(false);
});

test.each(["10.0.0.0", "10.0.0.0/33", "a/8", "10.0.0.0/8;::/0", "1/8", "0x0a.0.0.0/8"])(
  "%s is no list of networks",
  (text) => {
    expect(parseNetworks(text)).toBeUndefined();
  },
);
