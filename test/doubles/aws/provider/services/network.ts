import {
  AllocateAddressCommand,
  AssociateRouteTableCommand,
  AttachInternetGatewayCommand,
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateInternetGatewayCommand,
  CreateNatGatewayCommand,
  CreateRouteCommand,
  CreateRouteTableCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVpcCommand,
  CreateVpcEndpointCommand,
  DeleteInternetGatewayCommand,
  DeleteNatGatewayCommand,
  DeleteRouteCommand,
  DeleteRouteTableCommand,
  DeleteSecurityGroupCommand,
  DeleteSubnetCommand,
  DeleteTagsCommand,
  DeleteVpcCommand,
  DeleteVpcEndpointsCommand,
  DescribeAddressesCommand,
  DescribeInternetGatewaysCommand,
  DescribeManagedPrefixListsCommand,
  DescribeNatGatewaysCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  DescribeVpcAttributeCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcsCommand,
  DetachInternetGatewayCommand,
  DisassociateRouteTableCommand,
  EC2Client,
  type IpPermission,
  ModifySubnetAttributeCommand,
  ModifyVpcAttributeCommand,
  ReleaseAddressCommand,
  type ResourceType,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  type Tag,
} from "@aws-sdk/client-ec2";
import type { Clients } from "../clients.ts";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  tagList,
  tagsFrom,
  tagsToDrop,
  textOf,
  textsOf,
  type Values,
} from "../kind.ts";

/** What EC2 says of ids that it does not know; one name for each kind of thing. */
async function unlessUnknown<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (thrown) {
    if (thrown instanceof Error && /NotFound|Malformed/.test(thrown.name)) return undefined;
    throw thrown;
  }
}

function tagged(type: ResourceType, inputs: Values) {
  const Tags = tagList(inputs);
  return Tags.length === 0 ? {} : { TagSpecifications: [{ ResourceType: type, Tags }] };
}

async function retag(id: string, inputs: Values, clients: Clients): Promise<void> {
  const ec2 = clients.of(EC2Client);
  const listed = await ec2.send(
    new DescribeTagsCommand({ Filters: [{ Name: "resource-id", Values: [id] }] }),
  );
  const dropped = tagsToDrop(inputs, tagsFrom(listed.Tags));
  if (dropped.length > 0)
    await ec2.send(new DeleteTagsCommand({ Resources: [id], Tags: dropped.map((Key) => ({ Key })) }));
  await ec2.send(new CreateTagsCommand({ Resources: [id], Tags: tagList(inputs) }));
}

function own(tags: readonly Tag[] | undefined): Values {
  return { tagsAll: tagsFrom(tags) };
}

function arn(clients: Clients, resource: string): string {
  return `arn:${clients.partition}:ec2:${clients.region}:${clients.accountId}:${resource}`;
}

/** Kinds that are one call to make, one to find and one to delete, and whose tags alone can change unless `change` says more. */
function simple(parts: {
  make: (inputs: Values, ec2: EC2Client, clients: Clients) => Promise<string | undefined>;
  find: (id: string, ec2: EC2Client, clients: Clients, known: Values) => Promise<Values | undefined>;
  change?: (id: string, inputs: Values, ec2: EC2Client, changed: ReadonlySet<string>) => Promise<void>;
  remove: (id: string, ec2: EC2Client, state: Values) => Promise<unknown>;
}): Kind {
  return {
    create: async (inputs, clients) => {
      const id = await parts.make(inputs, clients.of(EC2Client), clients);
      if (id === undefined) throw new Error("EC2 answered without an id");
      return id;
    },
    read: (id, clients, known) => unlessUnknown(parts.find(id, clients.of(EC2Client), clients, known)),
    update: async (id, inputs, clients, changed) => {
      await parts.change?.(id, inputs, clients.of(EC2Client), changed);
      if (changed.has("tagsAll")) await retag(id, inputs, clients);
    },
    delete: async (id, state, clients) =>
      void (await unlessUnknown(parts.remove(id, clients.of(EC2Client), state))),
  };
}

async function setNames(VpcId: string, inputs: Values, ec2: EC2Client): Promise<void> {
  const [names, support] = [
    maybeFlag(inputs, "enableDnsHostnames") ?? false,
    maybeFlag(inputs, "enableDnsSupport") ?? true,
  ];
  await ec2.send(new ModifyVpcAttributeCommand({ VpcId, EnableDnsSupport: { Value: support } }));
  await ec2.send(new ModifyVpcAttributeCommand({ VpcId, EnableDnsHostnames: { Value: names } }));
}

const vpc = simple({
  make: async (inputs, ec2) => {
    const CidrBlock = textOf(inputs, "cidrBlock");
    const made = await ec2.send(new CreateVpcCommand({ CidrBlock, ...tagged("vpc", inputs) }));
    await setNames(made.Vpc?.VpcId ?? "", inputs, ec2);
    return made.Vpc?.VpcId;
  },
  find: async (id, ec2, clients) => {
    const found = await ec2.send(new DescribeVpcsCommand({ VpcIds: [id] }));
    const there = found.Vpcs?.[0];
    if (there === undefined) return undefined;
    const flag = async (Attribute: "enableDnsHostnames" | "enableDnsSupport") =>
      await ec2.send(new DescribeVpcAttributeCommand({ VpcId: id, Attribute }));
    const [names, support] = [await flag("enableDnsHostnames"), await flag("enableDnsSupport")];
    return {
      arn: arn(clients, `vpc/${id}`),
      cidrBlock: there.CidrBlock,
      ownerId: there.OwnerId ?? "",
      enableDnsHostnames: names.EnableDnsHostnames?.Value ?? false,
      enableDnsSupport: support.EnableDnsSupport?.Value ?? false,
      ...own(there.Tags),
    };
  },
  change: (id, inputs, ec2) => setNames(id, inputs, ec2),
  remove: (id, ec2) => ec2.send(new DeleteVpcCommand({ VpcId: id })),
});

const subnet = simple({
  make: async (inputs, ec2) => {
    const made = await ec2.send(
      new CreateSubnetCommand({
        VpcId: textOf(inputs, "vpcId"),
        CidrBlock: textOf(inputs, "cidrBlock"),
        AvailabilityZone: maybeText(inputs, "availabilityZone"),
        ...tagged("subnet", inputs),
      }),
    );
    return made.Subnet?.SubnetId;
  },
  find: async (id, ec2, clients) => {
    const found = await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [id] }));
    const there = found.Subnets?.[0];
    if (there === undefined) return undefined;
    return {
      arn: arn(clients, `subnet/${id}`),
      vpcId: there.VpcId,
      cidrBlock: there.CidrBlock,
      availabilityZone: there.AvailabilityZone,
      mapPublicIpOnLaunch: there.MapPublicIpOnLaunch ?? false,
      ...own(there.Tags),
    };
  },
  change: async (id, inputs, ec2) =>
    void (await ec2.send(
      new ModifySubnetAttributeCommand({
        SubnetId: id,
        MapPublicIpOnLaunch: { Value: maybeFlag(inputs, "mapPublicIpOnLaunch") ?? false },
      }),
    )),
  remove: (id, ec2) => ec2.send(new DeleteSubnetCommand({ SubnetId: id })),
});

const routeTable = simple({
  make: async (inputs, ec2) => {
    const VpcId = textOf(inputs, "vpcId");
    const made = await ec2.send(new CreateRouteTableCommand({ VpcId, ...tagged("route-table", inputs) }));
    return made.RouteTable?.RouteTableId;
  },
  find: async (id, ec2, clients) => {
    const found = await ec2.send(new DescribeRouteTablesCommand({ RouteTableIds: [id] }));
    const there = found.RouteTables?.[0];
    if (there === undefined) return undefined;
    return { arn: arn(clients, `route-table/${id}`), vpcId: there.VpcId, ...own(there.Tags) };
  },
  remove: (id, ec2) => ec2.send(new DeleteRouteTableCommand({ RouteTableId: id })),
});

const routeTableAssociation = simple({
  make: async (inputs, ec2) => {
    const [RouteTableId, SubnetId] = [textOf(inputs, "routeTableId"), textOf(inputs, "subnetId")];
    const made = await ec2.send(new AssociateRouteTableCommand({ RouteTableId, SubnetId }));
    return made.AssociationId;
  },
  find: async (id, ec2, _, known) => {
    const RouteTableIds = [textOf(known, "routeTableId")];
    const found = await ec2.send(new DescribeRouteTablesCommand({ RouteTableIds }));
    const there = found.RouteTables?.[0]?.Associations?.find(
      ({ RouteTableAssociationId }) => RouteTableAssociationId === id,
    );
    return there === undefined ? undefined : { subnetId: there.SubnetId };
  },
  remove: (id, ec2) => ec2.send(new DisassociateRouteTableCommand({ AssociationId: id })),
});

const route = simple({
  make: async (inputs, ec2) => {
    const RouteTableId = textOf(inputs, "routeTableId");
    const DestinationCidrBlock = textOf(inputs, "destinationCidrBlock");
    await ec2.send(
      new CreateRouteCommand({
        RouteTableId,
        DestinationCidrBlock,
        GatewayId: maybeText(inputs, "gatewayId"),
        NatGatewayId: maybeText(inputs, "natGatewayId"),
      }),
    );
    return `r-${RouteTableId}-${DestinationCidrBlock}`;
  },
  find: async (_, ec2, __, known) => {
    const RouteTableIds = [textOf(known, "routeTableId")];
    const found = await ec2.send(new DescribeRouteTablesCommand({ RouteTableIds }));
    const there = found.RouteTables?.[0]?.Routes?.find(
      ({ DestinationCidrBlock }) => DestinationCidrBlock === known.destinationCidrBlock,
    );
    if (there === undefined) return undefined;
    return { state: there.State, gatewayId: there.GatewayId, natGatewayId: there.NatGatewayId };
  },
  remove: (_, ec2, state) =>
    ec2.send(
      new DeleteRouteCommand({
        RouteTableId: textOf(state, "routeTableId"),
        DestinationCidrBlock: textOf(state, "destinationCidrBlock"),
      }),
    ),
});

const internetGateway = simple({
  make: async (inputs, ec2) => {
    const made = await ec2.send(new CreateInternetGatewayCommand(tagged("internet-gateway", inputs)));
    const InternetGatewayId = made.InternetGateway?.InternetGatewayId;
    await ec2.send(new AttachInternetGatewayCommand({ InternetGatewayId, VpcId: textOf(inputs, "vpcId") }));
    return InternetGatewayId;
  },
  find: async (id, ec2, clients) => {
    const found = await ec2.send(new DescribeInternetGatewaysCommand({ InternetGatewayIds: [id] }));
    const there = found.InternetGateways?.[0];
    if (there === undefined) return undefined;
    return {
      arn: arn(clients, `internet-gateway/${id}`),
      vpcId: there.Attachments?.[0]?.VpcId,
      ...own(there.Tags),
    };
  },
  remove: async (id, ec2, state) => {
    const VpcId = textOf(state, "vpcId");
    await ec2.send(new DetachInternetGatewayCommand({ InternetGatewayId: id, VpcId }));
    await ec2.send(new DeleteInternetGatewayCommand({ InternetGatewayId: id }));
  },
});

const eip = simple({
  make: async (inputs, ec2) => {
    const made = await ec2.send(
      new AllocateAddressCommand({ Domain: "vpc", ...tagged("elastic-ip", inputs) }),
    );
    return made.AllocationId;
  },
  find: async (id, ec2) => {
    const found = await ec2.send(new DescribeAddressesCommand({ AllocationIds: [id] }));
    const there = found.Addresses?.[0];
    if (there === undefined) return undefined;
    return { allocationId: id, publicIp: there.PublicIp, domain: there.Domain, ...own(there.Tags) };
  },
  remove: (id, ec2) => ec2.send(new ReleaseAddressCommand({ AllocationId: id })),
});

const natGateway = simple({
  make: async (inputs, ec2) => {
    const [AllocationId, SubnetId] = [textOf(inputs, "allocationId"), textOf(inputs, "subnetId")];
    const made = await ec2.send(
      new CreateNatGatewayCommand({ AllocationId, SubnetId, ...tagged("natgateway", inputs) }),
    );
    return made.NatGateway?.NatGatewayId;
  },
  find: async (id, ec2) => {
    const found = await ec2.send(new DescribeNatGatewaysCommand({ NatGatewayIds: [id] }));
    const there = found.NatGateways?.[0];
    if (there === undefined || there.State === "deleted") return undefined;
    const address = there.NatGatewayAddresses?.[0];
    return { subnetId: there.SubnetId, allocationId: address?.AllocationId, ...own(there.Tags) };
  },
  remove: (id, ec2) => ec2.send(new DeleteNatGatewayCommand({ NatGatewayId: id })),
});

const securityGroup = simple({
  make: async (inputs, ec2) => {
    const made = await ec2.send(
      new CreateSecurityGroupCommand({
        GroupName: textOf(inputs, "name"),
        Description: maybeText(inputs, "description") ?? "Managed by Pulumi",
        VpcId: maybeText(inputs, "vpcId"),
        ...tagged("security-group", inputs),
      }),
    );
    // AWS lets everything out of a new group; the provider takes that away.
    await ec2.send(
      new RevokeSecurityGroupEgressCommand({
        GroupId: made.GroupId,
        IpPermissions: [{ IpProtocol: "-1", IpRanges: [{ CidrIp: "0.0.0.0/0" }] }],
      }),
    );
    return made.GroupId;
  },
  find: async (id, ec2, clients) => {
    const found = await ec2.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }));
    const there = found.SecurityGroups?.[0];
    if (there === undefined) return undefined;
    return {
      arn: arn(clients, `security-group/${id}`),
      name: there.GroupName,
      description: there.Description,
      vpcId: there.VpcId,
      ownerId: there.OwnerId ?? "",
      ...own(there.Tags),
    };
  },
  remove: (id, ec2) => ec2.send(new DeleteSecurityGroupCommand({ GroupId: id })),
});

function permissionOf(values: Values): IpPermission {
  const Description = maybeText(values, "description");
  const [cidr, group, prefix] = [
    maybeText(values, "cidrIpv4"),
    maybeText(values, "referencedSecurityGroupId"),
    maybeText(values, "prefixListId"),
  ];
  return {
    IpProtocol: textOf(values, "ipProtocol"),
    FromPort: maybeNumber(values, "fromPort"),
    ToPort: maybeNumber(values, "toPort"),
    ...(cidr === undefined ? {} : { IpRanges: [{ CidrIp: cidr, Description }] }),
    ...(group === undefined ? {} : { UserIdGroupPairs: [{ GroupId: group, Description }] }),
    ...(prefix === undefined ? {} : { PrefixListIds: [{ PrefixListId: prefix, Description }] }),
  };
}

function groupRule(isEgress: boolean): Kind {
  return simple({
    make: async (inputs, ec2) => {
      const command = {
        GroupId: textOf(inputs, "securityGroupId"),
        IpPermissions: [permissionOf(inputs)],
        ...tagged("security-group-rule", inputs),
      };
      const made = isEgress
        ? await ec2.send(new AuthorizeSecurityGroupEgressCommand(command))
        : await ec2.send(new AuthorizeSecurityGroupIngressCommand(command));
      return made.SecurityGroupRules?.[0]?.SecurityGroupRuleId;
    },
    find: async (id, ec2, clients) => {
      const found = await ec2.send(new DescribeSecurityGroupRulesCommand({ SecurityGroupRuleIds: [id] }));
      const there = found.SecurityGroupRules?.find(({ SecurityGroupRuleId }) => SecurityGroupRuleId === id);
      if (there === undefined) return undefined;
      return {
        arn: arn(clients, `security-group-rule/${id}`),
        securityGroupRuleId: id,
        ipProtocol: there.IpProtocol,
        fromPort: there.FromPort,
        toPort: there.ToPort,
        ...(there.CidrIpv4 === undefined ? {} : { cidrIpv4: there.CidrIpv4 }),
        ...(there.PrefixListId === undefined ? {} : { prefixListId: there.PrefixListId }),
        ...(there.ReferencedGroupInfo?.GroupId === undefined
          ? {}
          : { referencedSecurityGroupId: there.ReferencedGroupInfo.GroupId }),
      };
    },
    remove: (_, ec2, state) => {
      const command = { GroupId: textOf(state, "securityGroupId"), IpPermissions: [permissionOf(state)] };
      return isEgress
        ? ec2.send(new RevokeSecurityGroupEgressCommand(command))
        : ec2.send(new RevokeSecurityGroupIngressCommand(command));
    },
  });
}

const vpcEndpoint = simple({
  make: async (inputs, ec2) => {
    const made = await ec2.send(
      new CreateVpcEndpointCommand({
        VpcId: textOf(inputs, "vpcId"),
        ServiceName: textOf(inputs, "serviceName"),
        VpcEndpointType: textOf(inputs, "vpcEndpointType") as "Gateway",
        RouteTableIds: textsOf(inputs, "routeTableIds"),
        SubnetIds: textsOf(inputs, "subnetIds"),
        SecurityGroupIds: textsOf(inputs, "securityGroupIds"),
        PrivateDnsEnabled: maybeFlag(inputs, "privateDnsEnabled"),
        ...tagged("vpc-endpoint", inputs),
      }),
    );
    return made.VpcEndpoint?.VpcEndpointId;
  },
  find: async (id, ec2, clients) => {
    const found = await ec2.send(new DescribeVpcEndpointsCommand({ VpcEndpointIds: [id] }));
    const there = found.VpcEndpoints?.[0];
    if (there === undefined || String(there.State).toLowerCase() === "deleted") return undefined;
    const lists = await ec2.send(new DescribeManagedPrefixListsCommand({}));
    const list = lists.PrefixLists?.find(({ PrefixListName }) => PrefixListName === there.ServiceName);
    return {
      arn: arn(clients, `vpc-endpoint/${id}`),
      vpcId: there.VpcId,
      serviceName: there.ServiceName,
      vpcEndpointType: there.VpcEndpointType,
      state: there.State,
      prefixListId: list?.PrefixListId ?? "",
      ...own(there.Tags),
    };
  },
  remove: (id, ec2) => ec2.send(new DeleteVpcEndpointsCommand({ VpcEndpointIds: [id] })),
});

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:ec2/vpc:Vpc": vpc,
  "aws:ec2/subnet:Subnet": subnet,
  "aws:ec2/routeTable:RouteTable": routeTable,
  "aws:ec2/routeTableAssociation:RouteTableAssociation": routeTableAssociation,
  "aws:ec2/route:Route": route,
  "aws:ec2/internetGateway:InternetGateway": internetGateway,
  "aws:ec2/eip:Eip": eip,
  "aws:ec2/natGateway:NatGateway": natGateway,
  "aws:ec2/securityGroup:SecurityGroup": securityGroup,
  "aws:ec2/vpcEndpoint:VpcEndpoint": vpcEndpoint,
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": groupRule(false),
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": groupRule(true),
};
