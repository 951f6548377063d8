import {
  ACMClient,
  AddTagsToCertificateCommand,
  DeleteCertificateCommand,
  DescribeCertificateCommand,
  ListTagsForCertificateCommand,
  RequestCertificateCommand,
} from "@aws-sdk/client-acm";
import {
  ChangeResourceRecordSetsCommand,
  ChangeTagsForResourceCommand,
  CreateHostedZoneCommand,
  DeleteHostedZoneCommand,
  GetHostedZoneCommand,
  ListResourceRecordSetsCommand,
  ListTagsForResourceCommand,
  type ResourceRecordSet,
  Route53Client,
  UpdateHostedZoneCommentCommand,
} from "@aws-sdk/client-route-53";
import type { Clients } from "../clients.ts";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordsOf,
  tagList,
  tagsFrom,
  textOf,
  textsOf,
  unlessGone,
  type Values,
} from "../kind.ts";

/** A DNS name as AWS writes it, without the dot at the end and with what it escapes. */
function bare(name: string | undefined): string {
  return (name ?? "").replace(/\.$/, "").replace("\\052", "*");
}

const zone: Kind = {
  create: async (inputs, clients) => {
    const route53 = clients.of(Route53Client);
    const made = await route53.send(
      new CreateHostedZoneCommand({
        Name: textOf(inputs, "name"),
        CallerReference: `slipway-${String(Date.now())}-${Math.random()}`,
        HostedZoneConfig: { Comment: maybeText(inputs, "comment") ?? "Managed by Pulumi" },
      }),
    );
    const id = made.HostedZone?.Id?.split("/").at(-1) ?? "";
    await tagZone(id, inputs, route53);
    return id;
  },
  read: async (id, clients) => {
    const route53 = clients.of(Route53Client);
    const found = await unlessGone(route53.send(new GetHostedZoneCommand({ Id: id })), "NoSuchHostedZone");
    if (found === undefined) return undefined;
    const asked = new ListTagsForResourceCommand({ ResourceType: "hostedzone", ResourceId: id });
    const tags = await route53.send(asked);
    return {
      name: bare(found.HostedZone?.Name),
      zoneId: id,
      arn: `arn:${clients.partition}:route53:::hostedzone/${id}`,
      comment: found.HostedZone?.Config?.Comment ?? "",
      nameServers: found.DelegationSet?.NameServers ?? [],
      primaryNameServer: found.DelegationSet?.NameServers?.[0] ?? "",
      tagsAll: tagsFrom(tags.ResourceTagSet?.Tags),
    };
  },
  update: async (id, inputs, clients) => {
    const route53 = clients.of(Route53Client);
    await route53.send(
      new UpdateHostedZoneCommentCommand({ Id: id, Comment: maybeText(inputs, "comment") ?? "" }),
    );
    await tagZone(id, inputs, route53);
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(Route53Client).send(new DeleteHostedZoneCommand({ Id: id })),
      "NoSuchHostedZone",
    )),
};

async function tagZone(id: string, inputs: Values, route53: Route53Client): Promise<void> {
  const AddTags = tagList(inputs);
  if (AddTags.length === 0) return;
  await route53.send(
    new ChangeTagsForResourceCommand({ ResourceType: "hostedzone", ResourceId: id, AddTags }),
  );
}

function recordSet(inputs: Values): ResourceRecordSet {
  const [alias] = recordsOf(inputs, "aliases");
  return {
    Name: textOf(inputs, "name"),
    Type: textOf(inputs, "type") as "A",
    ...(alias === undefined
      ? {
          TTL: maybeNumber(inputs, "ttl"),
          ResourceRecords: textsOf(inputs, "records").map((Value) => ({ Value })),
        }
      : {
          AliasTarget: {
            DNSName: textOf(alias, "name"),
            HostedZoneId: textOf(alias, "zoneId"),
            EvaluateTargetHealth: maybeFlag(alias, "evaluateTargetHealth") ?? false,
          },
        }),
  };
}

async function changeRecord(
  Action: "CREATE" | "UPSERT" | "DELETE",
  zoneId: string,
  set: ResourceRecordSet,
  clients: Clients,
): Promise<void> {
  await clients.of(Route53Client).send(
    new ChangeResourceRecordSetsCommand({
      HostedZoneId: zoneId,
      ChangeBatch: { Changes: [{ Action, ResourceRecordSet: set }] },
    }),
  );
}

async function findRecord(known: Values, clients: Clients): Promise<ResourceRecordSet | undefined> {
  const command = new ListResourceRecordSetsCommand({ HostedZoneId: textOf(known, "zoneId") });
  const found = await unlessGone(clients.of(Route53Client).send(command), "NoSuchHostedZone");
  return found?.ResourceRecordSets?.find(
    ({ Name, Type }) => bare(Name) === bare(textOf(known, "name")) && Type === known.type,
  );
}

const record: Kind = {
  create: async (inputs, clients) => {
    const action = maybeFlag(inputs, "allowOverwrite") === true ? "UPSERT" : "CREATE";
    const zoneId = textOf(inputs, "zoneId");
    await changeRecord(action, zoneId, recordSet(inputs), clients);
    return `${zoneId}_${bare(textOf(inputs, "name"))}_${textOf(inputs, "type")}`;
  },
  read: async (_, clients, known) => {
    const there = await findRecord(known, clients);
    if (there === undefined) return undefined;
    return {
      fqdn: bare(there.Name),
      type: there.Type,
      ...(there.AliasTarget === undefined
        ? { ttl: there.TTL, records: there.ResourceRecords?.map(({ Value }) => Value) }
        : {
            aliases: [
              {
                name: bare(there.AliasTarget.DNSName),
                zoneId: there.AliasTarget.HostedZoneId,
                evaluateTargetHealth: there.AliasTarget.EvaluateTargetHealth,
              },
            ],
          }),
    };
  },
  update: (_, inputs, clients) =>
    changeRecord("UPSERT", textOf(inputs, "zoneId"), recordSet(inputs), clients),
  delete: async (_, state, clients) => {
    const there = await findRecord(state, clients);
    if (there !== undefined) await changeRecord("DELETE", textOf(state, "zoneId"), there, clients);
  },
};

const certificate: Kind = {
  create: async (inputs, clients) => {
    const names = textsOf(inputs, "subjectAlternativeNames");
    const made = await clients.of(ACMClient).send(
      new RequestCertificateCommand({
        DomainName: textOf(inputs, "domainName"),
        ValidationMethod: textOf(inputs, "validationMethod") as "DNS",
        ...(names.length === 0 ? {} : { SubjectAlternativeNames: names }),
        Tags: tagList(inputs),
      }),
    );
    return made.CertificateArn ?? "";
  },
  read: async (id, clients) => {
    const acm = clients.of(ACMClient);
    const asked = acm.send(new DescribeCertificateCommand({ CertificateArn: id }));
    const found = await unlessGone(asked, "ResourceNotFoundException");
    const there = found?.Certificate;
    if (there === undefined) return undefined;
    const tags = await acm.send(new ListTagsForCertificateCommand({ CertificateArn: id }));
    return {
      arn: id,
      domainName: there.DomainName,
      status: there.Status,
      type: there.Type,
      notAfter: there.NotAfter?.toISOString() ?? "",
      notBefore: there.NotBefore?.toISOString() ?? "",
      domainValidationOptions: (there.DomainValidationOptions ?? []).map((option) => ({
        domainName: option.DomainName,
        resourceRecordName: option.ResourceRecord?.Name,
        resourceRecordType: option.ResourceRecord?.Type,
        resourceRecordValue: option.ResourceRecord?.Value,
      })),
      tagsAll: tagsFrom(tags.Tags),
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients
      .of(ACMClient)
      .send(new AddTagsToCertificateCommand({ CertificateArn: id, Tags: tagList(inputs) }))),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(ACMClient).send(new DeleteCertificateCommand({ CertificateArn: id })),
      "ResourceNotFoundException",
    )),
};

const certificateValidation: Kind = {
  create: async (inputs, clients) => {
    const CertificateArn = textOf(inputs, "certificateArn");
    const found = await clients.of(ACMClient).send(new DescribeCertificateCommand({ CertificateArn }));
    if (found.Certificate?.Status !== "ISSUED")
      throw new Error(`${CertificateArn} is ${String(found.Certificate?.Status)}, not ISSUED`);
    return found.Certificate.IssuedAt?.toISOString() ?? "issued";
  },
  read: async (_, clients, known) => {
    const CertificateArn = textOf(known, "certificateArn");
    const asked = clients.of(ACMClient).send(new DescribeCertificateCommand({ CertificateArn }));
    const found = await unlessGone(asked, "ResourceNotFoundException");
    return found?.Certificate?.Status === "ISSUED" ? { certificateArn: CertificateArn } : undefined;
  },
  // It is an event, nothing that is there.
  delete: () => Promise.resolve(),
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:route53/zone:Zone": zone,
  "aws:route53/record:Record": record,
  "aws:acm/certificate:Certificate": certificate,
  "aws:acm/certificateValidation:CertificateValidation": certificateValidation,
};
