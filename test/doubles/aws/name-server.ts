import {
  ListHostedZonesCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from "@aws-sdk/client-route-53";
import { type DnsRecords, type DnsServer, startDnsServer } from "../../helpers/dns-server.ts";

const LOOPBACK = "127.0.0.1";
const OF_AWS = /\.(cloudfront\.net|amazonaws\.com)$/;

/** The name servers of the world, for which every zone of Route 53 is delegated to: answers what the zones hold at that moment. Names that AWS gives are on the loopback. */
export function startNameServer(url: () => string): Promise<DnsServer> {
  return startDnsServer(async (name) => {
    if (OF_AWS.test(name)) return { a: [LOOPBACK] };
    const route53 = new Route53Client({
      endpoint: url(),
      region: "us-east-1",
      credentials: { accessKeyId: "stand-in", secretAccessKey: "stand-in" },
    });
    try {
      return await find(route53, name);
    } finally {
      route53.destroy();
    }
  });
}

async function find(route53: Route53Client, name: string): Promise<DnsRecords | undefined> {
  const { HostedZones = [] } = await route53.send(new ListHostedZonesCommand({}));
  for (const { Id, Name = "" } of HostedZones) {
    const zone = Name.replace(/\.$/, "");
    if (name !== zone && !name.endsWith(`.${zone}`)) continue;
    const { ResourceRecordSets = [] } = await route53.send(
      new ListResourceRecordSetsCommand({ HostedZoneId: Id }),
    );
    const own = ResourceRecordSets.filter((one) => one.Name?.replace(/\.$/, "") === name);
    if (own.length === 0) return undefined;
    const values = (type: string) =>
      own
        .filter((one) => one.Type === type)
        .flatMap(({ AliasTarget, ResourceRecords = [] }) =>
          AliasTarget === undefined
            ? ResourceRecords.map(({ Value = "" }) => Value.replace(/\.$/, ""))
            : [type === "AAAA" ? "0:0:0:0:0:0:0:1" : LOOPBACK],
        );
    return { a: values("A"), aaaa: values("AAAA"), ns: values("NS") };
  }
  return undefined;
}
