import {
  AddTagsToResourceCommand,
  CreateCacheSubnetGroupCommand,
  CreateReplicationGroupCommand,
  CreateUserCommand,
  CreateUserGroupCommand,
  DeleteCacheSubnetGroupCommand,
  DeleteReplicationGroupCommand,
  DeleteUserCommand,
  DeleteUserGroupCommand,
  DescribeCacheSubnetGroupsCommand,
  DescribeReplicationGroupsCommand,
  DescribeUserGroupsCommand,
  DescribeUsersCommand,
  ElastiCacheClient,
  ListTagsForResourceCommand,
  RemoveTagsFromResourceCommand,
} from "@aws-sdk/client-elasticache";
import type { Clients } from "../clients.ts";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordOf,
  tagList,
  tagsFrom,
  tagsToDrop,
  textOf,
  textsOf,
  unlessGone,
  type Values,
} from "../kind.ts";

async function tagsOf(ResourceName: string | undefined, clients: Clients): Promise<Values> {
  const listed = await clients.of(ElastiCacheClient).send(new ListTagsForResourceCommand({ ResourceName }));
  return tagsFrom(listed.TagList);
}

/** Everything else means a new one: see the traits. */
function retag(type: string): NonNullable<Kind["update"]> {
  return async (id, inputs, clients) => {
    const arn = `arn:${clients.partition}:elasticache:${clients.region}:${clients.accountId}:${type}:${id}`;
    const cache = clients.of(ElastiCacheClient);
    const TagKeys = tagsToDrop(inputs, await tagsOf(arn, clients));
    if (TagKeys.length > 0)
      await cache.send(new RemoveTagsFromResourceCommand({ ResourceName: arn, TagKeys }));
    await cache.send(new AddTagsToResourceCommand({ ResourceName: arn, Tags: tagList(inputs) }));
  };
}

const subnetGroup: Kind = {
  create: async (inputs, clients) => {
    await clients.of(ElastiCacheClient).send(
      new CreateCacheSubnetGroupCommand({
        CacheSubnetGroupName: textOf(inputs, "name"),
        CacheSubnetGroupDescription: maybeText(inputs, "description") ?? "Managed by Pulumi",
        SubnetIds: textsOf(inputs, "subnetIds"),
        Tags: tagList(inputs),
      }),
    );
    return textOf(inputs, "name");
  },
  read: async (id, clients) => {
    const command = new DescribeCacheSubnetGroupsCommand({ CacheSubnetGroupName: id });
    const asked = clients.of(ElastiCacheClient).send(command);
    const found = await unlessGone(asked, "CacheSubnetGroupNotFoundFault", "CacheSubnetGroupNotFound");
    const there = found?.CacheSubnetGroups?.[0];
    if (there === undefined) return undefined;
    return {
      name: there.CacheSubnetGroupName,
      arn: there.ARN,
      description: there.CacheSubnetGroupDescription,
      vpcId: there.VpcId,
      subnetIds: there.Subnets?.map(({ SubnetIdentifier }) => SubnetIdentifier),
      tagsAll: await tagsOf(there.ARN, clients),
    };
  },
  update: retag("subnetgroup"),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(ElastiCacheClient).send(new DeleteCacheSubnetGroupCommand({ CacheSubnetGroupName: id })),
      "CacheSubnetGroupNotFoundFault",
      "CacheSubnetGroupNotFound",
    )),
};

const replicationGroup: Kind = {
  create: async (inputs, clients) => {
    await clients.of(ElastiCacheClient).send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: textOf(inputs, "replicationGroupId"),
        ReplicationGroupDescription: textOf(inputs, "description"),
        Engine: maybeText(inputs, "engine"),
        EngineVersion: maybeText(inputs, "engineVersion"),
        CacheNodeType: maybeText(inputs, "nodeType"),
        NumCacheClusters: maybeNumber(inputs, "numCacheClusters"),
        AutomaticFailoverEnabled: maybeFlag(inputs, "automaticFailoverEnabled"),
        MultiAZEnabled: maybeFlag(inputs, "multiAzEnabled"),
        Port: maybeNumber(inputs, "port"),
        CacheSubnetGroupName: maybeText(inputs, "subnetGroupName"),
        SecurityGroupIds: textsOf(inputs, "securityGroupIds"),
        AtRestEncryptionEnabled: maybeFlag(inputs, "atRestEncryptionEnabled"),
        TransitEncryptionEnabled: maybeFlag(inputs, "transitEncryptionEnabled"),
        KmsKeyId: maybeText(inputs, "kmsKeyId"),
        UserGroupIds: textsOf(inputs, "userGroupIds"),
        SnapshotRetentionLimit: maybeNumber(inputs, "snapshotRetentionLimit"),
        Tags: tagList(inputs),
      }),
    );
    return textOf(inputs, "replicationGroupId");
  },
  read: async (id, clients) => {
    const command = new DescribeReplicationGroupsCommand({ ReplicationGroupId: id });
    const asked = clients.of(ElastiCacheClient).send(command);
    const found = await unlessGone(asked, "ReplicationGroupNotFoundFault");
    const there = found?.ReplicationGroups?.[0];
    if (there === undefined) return undefined;
    return {
      replicationGroupId: id,
      arn: there.ARN,
      description: there.Description,
      primaryEndpointAddress:
        there.NodeGroups?.[0]?.PrimaryEndpoint?.Address ?? there.ConfigurationEndpoint?.Address ?? "",
      atRestEncryptionEnabled: there.AtRestEncryptionEnabled ?? false,
      transitEncryptionEnabled: there.TransitEncryptionEnabled ?? false,
      tagsAll: await tagsOf(there.ARN, clients),
    };
  },
  update: retag("replicationgroup"),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(ElastiCacheClient).send(new DeleteReplicationGroupCommand({ ReplicationGroupId: id })),
      "ReplicationGroupNotFoundFault",
    )),
};

const user: Kind = {
  create: async (inputs, clients) => {
    const mode = maybeText(recordOf(inputs, "authenticationMode"), "type");
    await clients.of(ElastiCacheClient).send(
      new CreateUserCommand({
        UserId: textOf(inputs, "userId"),
        UserName: textOf(inputs, "userName"),
        Engine: textOf(inputs, "engine"),
        AccessString: textOf(inputs, "accessString"),
        ...(mode === undefined ? {} : { AuthenticationMode: { Type: mode as "iam" } }),
        NoPasswordRequired: maybeFlag(inputs, "noPasswordRequired"),
        Tags: tagList(inputs),
      }),
    );
    return textOf(inputs, "userId");
  },
  read: async (id, clients) => {
    const asked = clients.of(ElastiCacheClient).send(new DescribeUsersCommand({ UserId: id }));
    const found = await unlessGone(asked, "UserNotFoundFault", "UserNotFound");
    const there = found?.Users?.[0];
    if (there === undefined) return undefined;
    return {
      userId: there.UserId,
      userName: there.UserName,
      arn: there.ARN,
      engine: there.Engine,
      accessString: there.AccessString,
      tagsAll: await tagsOf(there.ARN, clients),
    };
  },
  update: retag("user"),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(ElastiCacheClient).send(new DeleteUserCommand({ UserId: id })),
      "UserNotFoundFault",
      "UserNotFound",
    )),
};

const userGroup: Kind = {
  create: async (inputs, clients) => {
    await clients.of(ElastiCacheClient).send(
      new CreateUserGroupCommand({
        UserGroupId: textOf(inputs, "userGroupId"),
        Engine: textOf(inputs, "engine"),
        UserIds: textsOf(inputs, "userIds"),
        Tags: tagList(inputs),
      }),
    );
    return textOf(inputs, "userGroupId");
  },
  read: async (id, clients) => {
    const asked = clients.of(ElastiCacheClient).send(new DescribeUserGroupsCommand({ UserGroupId: id }));
    const found = await unlessGone(asked, "UserGroupNotFoundFault", "UserGroupNotFound");
    const there = found?.UserGroups?.[0];
    if (there === undefined) return undefined;
    return {
      userGroupId: there.UserGroupId,
      arn: there.ARN,
      engine: there.Engine,
      userIds: there.UserIds,
      tagsAll: await tagsOf(there.ARN, clients),
    };
  },
  update: retag("usergroup"),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(ElastiCacheClient).send(new DeleteUserGroupCommand({ UserGroupId: id })),
      "UserGroupNotFoundFault",
      "UserGroupNotFound",
    )),
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:elasticache/subnetGroup:SubnetGroup": subnetGroup,
  "aws:elasticache/replicationGroup:ReplicationGroup": replicationGroup,
  "aws:elasticache/user:User": user,
  "aws:elasticache/userGroup:UserGroup": userGroup,
};
