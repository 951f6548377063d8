import type { Clients } from "./clients.ts";
import { textOf, type Values } from "./kind.ts";

/** What a function of the provider answers. Throws for one that is not known. */
export async function answer(token: string, given: Values, clients: Clients): Promise<Values> {
  switch (token) {
    case "aws:index/getCallerIdentity:getCallerIdentity":
      return { accountId: clients.accountId, arn: "", userId: "", id: clients.accountId };
    case "aws:index/getRegion:getRegion":
      return { id: clients.region, region: clients.region, name: clients.region };
    case "aws:index/getPartition:getPartition":
      return { id: clients.partition, partition: clients.partition };
    case "aws:route53/getZone:getZone":
      return await zone(textOf(given, "name"), clients);
    default:
      throw new Error(`the stand-in for the provider aws does not know the function ${token}`);
  }
}

async function zone(name: string, clients: Clients): Promise<Values> {
  const { ListHostedZonesByNameCommand, Route53Client } = await import("@aws-sdk/client-route-53");
  const listed = await clients.of(Route53Client).send(new ListHostedZonesByNameCommand({ DNSName: name }));
  const found = listed.HostedZones?.find((one) => one.Name === `${name}.` || one.Name === name);
  if (found === undefined) throw new Error(`no matching Route 53 Hosted Zone found: ${name}`);
  const id = found.Id?.split("/").at(-1);
  return { id, zoneId: id, name, arn: `arn:${clients.partition}:route53:::hostedzone/${id ?? ""}` };
}
