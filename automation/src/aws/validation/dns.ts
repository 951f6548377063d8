import { Resolver } from "node:dns/promises";
import {
  ApiGatewayV2Client,
  GetApiMappingsCommand,
  GetDomainNameCommand,
} from "@aws-sdk/client-apigatewayv2";
import { GetHostedZoneCommand, ListResourceRecordSetsCommand, Route53Client } from "@aws-sdk/client-route-53";
import { SlipwayError, systemCode } from "../../errors.ts";
import { notApplicable, type PlannedCheck } from "./check.ts";
import {
  judgeDelegation,
  judgeMapping,
  judgeRecord,
  judgeResolution,
  judgeZone,
  type NamedRecord,
  plainName,
} from "./dns-rules.ts";
import { nothingTo, type Scope, withClient } from "./scope.ts";

const RESOLVE_TIMEOUT_MS = 4_000;
const RESOLVE_TRIES = 3;

/** The zone exists and is asked; the domains of the site and the API resolve and lead to the distribution and the API. */
export function dnsChecks(scope: Scope): readonly PlannedCheck[] {
  const { dns, site, api } = scope.manifest;
  if (dns === null) return [nothingTo("hosted zone", "the stack has no domain of its own")];
  const apiTarget = async (domain: string) => (await apiDomain(scope, domain)).target;
  return [
    { check: "hosted zone", look: async () => judgeZone(dns.zone, (await zone(scope, dns.zoneId)).name) },
    { check: "delegation", look: () => delegation(scope, dns) },
    ...(site.domain === null
      ? [nothingTo("site domain", "the site has no domain of its own")]
      : domainChecks(scope, dns.zoneId, site.domain, async () => site.distributionDomain)),
    ...(api.domain === null
      ? [nothingTo("API domain", "the API has no domain of its own")]
      : [...domainChecks(scope, dns.zoneId, api.domain, apiTarget), mapping(scope, api.domain)]),
  ];
}

function domainChecks(
  scope: Scope,
  zoneId: string,
  domain: string,
  targetOf: (domain: string) => Promise<string>,
): PlannedCheck[] {
  return [
    {
      check: `record ${domain}`,
      look: async () => judgeRecord(domain, await targetOf(domain), await records(scope, zoneId, domain)),
    },
    {
      check: `resolution ${domain}`,
      look: async () => {
        const resolver = resolverOf(scope);
        const [own, target] = await Promise.all([
          addresses(resolver, domain),
          addresses(resolver, await targetOf(domain)),
        ]);
        return judgeResolution(domain, own, target);
      },
    },
  ];
}

function mapping(scope: Scope, domain: string): PlannedCheck {
  const { api } = scope.manifest;
  return {
    check: `mapping ${domain}`,
    look: async () => judgeMapping(api, (await apiDomain(scope, domain)).mappings),
  };
}

async function delegation(scope: Scope, { zoneId, zone: name }: { zoneId: string; zone: string }) {
  const { nameServers, isPrivate } = await zone(scope, zoneId);
  if (isPrivate) return notApplicable("the zone is private: only its own networks ask for it");
  return judgeDelegation(nameServers, await found(() => resolverOf(scope).resolveNs(name)));
}

async function zone(scope: Scope, zoneId: string) {
  return withClient(
    scope,
    (settings) => new Route53Client(settings),
    async (client, options) => {
      const { HostedZone, DelegationSet } = await client.send(
        new GetHostedZoneCommand({ Id: zoneId }),
        options,
      );
      return {
        name: HostedZone?.Name ?? "",
        isPrivate: HostedZone?.Config?.PrivateZone ?? false,
        nameServers: DelegationSet?.NameServers ?? [],
      };
    },
  );
}

/** The records of one name: the list begins with them. */
async function records(scope: Scope, zoneId: string, domain: string): Promise<NamedRecord[]> {
  return withClient(
    scope,
    (settings) => new Route53Client(settings),
    async (client, options) => {
      const { ResourceRecordSets = [] } = await client.send(
        new ListResourceRecordSetsCommand({ HostedZoneId: zoneId, StartRecordName: domain }),
        options,
      );
      return ResourceRecordSets.filter((one) => plainName(one.Name ?? "") === plainName(domain)).map(
        (one) => ({
          name: one.Name ?? "",
          type: one.Type ?? "",
          aliasTo: one.AliasTarget?.DNSName ?? null,
          values: (one.ResourceRecords ?? []).map((record) => record.Value ?? ""),
        }),
      );
    },
  );
}

/** The host name behind the API's own domain, and what it serves. */
async function apiDomain(scope: Scope, domain: string) {
  return withClient(
    scope,
    (settings) => new ApiGatewayV2Client(settings),
    async (client, options) => {
      const [{ DomainNameConfigurations }, { Items = [] }] = await Promise.all([
        client.send(new GetDomainNameCommand({ DomainName: domain }), options),
        client.send(new GetApiMappingsCommand({ DomainName: domain }), options),
      ]);
      const target = DomainNameConfigurations?.[0]?.ApiGatewayDomainName;
      if (target === undefined)
        throw new SlipwayError("validation_answer", `API Gateway names no host behind ${domain}.`);
      return {
        target,
        mappings: Items.map((one) => ({ apiId: one.ApiId ?? "", stage: one.Stage ?? "" })),
      };
    },
  );
}

function resolverOf({ settings }: Scope): Resolver {
  const resolver = new Resolver({ timeout: RESOLVE_TIMEOUT_MS, tries: RESOLVE_TRIES });
  if (settings.resolvers.length > 0) resolver.setServers(settings.resolvers);
  return resolver;
}

async function addresses(resolver: Resolver, name: string): Promise<string[]> {
  const [four, six] = await Promise.all([
    found(() => resolver.resolve4(name)),
    found(() => resolver.resolve6(name)),
  ]);
  return [...four, ...six];
}

/** What a name has, nothing when there is no such name or record: that is for the rules to judge. */
async function found(ask: () => Promise<string[]>): Promise<string[]> {
  try {
    return await ask();
  } catch (thrown) {
    if (systemCode(thrown) === "ENOTFOUND" || systemCode(thrown) === "ENODATA") return [];
    throw thrown;
  }
}
