import {
  AttachRolePolicyCommand,
  CreateRoleCommand,
  DeleteRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  DeleteRolePolicyCommand,
  DetachRolePolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  IAMClient,
  ListAttachedRolePoliciesCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  TagRoleCommand,
  UntagRoleCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateRoleCommand,
} from "@aws-sdk/client-iam";
import {
  type Kind,
  maybeNumber,
  maybeText,
  tagList,
  tagsFrom,
  tagsToDrop,
  textOf,
  unlessGone,
} from "../kind.ts";

const GONE = ["NoSuchEntity", "NoSuchEntityException"] as const;

const role: Kind = {
  create: async (inputs, clients) => {
    const name = textOf(inputs, "name");
    await clients.of(IAMClient).send(
      new CreateRoleCommand({
        RoleName: name,
        AssumeRolePolicyDocument: textOf(inputs, "assumeRolePolicy"),
        Description: maybeText(inputs, "description"),
        Path: maybeText(inputs, "path"),
        PermissionsBoundary: maybeText(inputs, "permissionsBoundary"),
        MaxSessionDuration: maybeNumber(inputs, "maxSessionDuration"),
        Tags: tagList(inputs),
      }),
    );
    return name;
  },
  read: async (id, clients) => {
    const found = await unlessGone(clients.of(IAMClient).send(new GetRoleCommand({ RoleName: id })), ...GONE);
    const there = found?.Role;
    if (there === undefined) return undefined;
    return {
      name: there.RoleName,
      arn: there.Arn,
      uniqueId: there.RoleId,
      path: there.Path,
      createDate: there.CreateDate?.toISOString(),
      description: there.Description ?? "",
      maxSessionDuration: there.MaxSessionDuration ?? 3600,
      permissionsBoundary: there.PermissionsBoundary?.PermissionsBoundaryArn ?? "",
      assumeRolePolicy: decodeURIComponent(there.AssumeRolePolicyDocument ?? ""),
      tagsAll: tagsFrom(there.Tags),
    };
  },
  update: async (id, inputs, clients, changed) => {
    const iam = clients.of(IAMClient);
    if (changed.has("assumeRolePolicy")) {
      const PolicyDocument = textOf(inputs, "assumeRolePolicy");
      await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: id, PolicyDocument }));
    }
    if (changed.has("description") || changed.has("maxSessionDuration")) {
      await iam.send(
        new UpdateRoleCommand({
          RoleName: id,
          Description: maybeText(inputs, "description"),
          MaxSessionDuration: maybeNumber(inputs, "maxSessionDuration"),
        }),
      );
    }
    if (changed.has("permissionsBoundary")) {
      const boundary = maybeText(inputs, "permissionsBoundary");
      await (boundary === undefined
        ? iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName: id }))
        : iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: id, PermissionsBoundary: boundary })));
    }
    const there = await iam.send(new GetRoleCommand({ RoleName: id }));
    const TagKeys = tagsToDrop(inputs, tagsFrom(there.Role?.Tags));
    if (TagKeys.length > 0) await iam.send(new UntagRoleCommand({ RoleName: id, TagKeys }));
    await iam.send(new TagRoleCommand({ RoleName: id, Tags: tagList(inputs) }));
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(clients.of(IAMClient).send(new DeleteRoleCommand({ RoleName: id })), ...GONE)),
};

const rolePolicy: Kind = {
  create: async (inputs, clients) => {
    const [RoleName, PolicyName] = [textOf(inputs, "role"), textOf(inputs, "name")];
    const PolicyDocument = textOf(inputs, "policy");
    await clients.of(IAMClient).send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument }));
    return `${RoleName}:${PolicyName}`;
  },
  read: async (id, clients) => {
    const [RoleName, PolicyName] = id.split(":");
    const asked = clients.of(IAMClient).send(new GetRolePolicyCommand({ RoleName, PolicyName }));
    const found = await unlessGone(asked, ...GONE);
    if (found === undefined) return undefined;
    return { role: RoleName, name: PolicyName, policy: decodeURIComponent(found.PolicyDocument ?? "") };
  },
  update: async (_, inputs, clients) => void (await rolePolicy.create(inputs, clients)),
  delete: async (id, _, clients) => {
    const [RoleName, PolicyName] = id.split(":");
    await unlessGone(
      clients.of(IAMClient).send(new DeleteRolePolicyCommand({ RoleName, PolicyName })),
      ...GONE,
    );
  },
};

const rolePolicyAttachment: Kind = {
  create: async (inputs, clients) => {
    const [RoleName, PolicyArn] = [textOf(inputs, "role"), textOf(inputs, "policyArn")];
    await clients.of(IAMClient).send(new AttachRolePolicyCommand({ RoleName, PolicyArn }));
    return `${RoleName}-${PolicyArn}`;
  },
  read: async (_, clients, known) => {
    const [role, policyArn] = [textOf(known, "role"), textOf(known, "policyArn")];
    const asked = clients.of(IAMClient).send(new ListAttachedRolePoliciesCommand({ RoleName: role }));
    const found = await unlessGone(asked, ...GONE);
    const attached = found?.AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === policyArn);
    return attached === true ? { role, policyArn } : undefined;
  },
  delete: async (_, state, clients) => {
    const [RoleName, PolicyArn] = [textOf(state, "role"), textOf(state, "policyArn")];
    await unlessGone(
      clients.of(IAMClient).send(new DetachRolePolicyCommand({ RoleName, PolicyArn })),
      ...GONE,
    );
  },
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:iam/role:Role": role,
  "aws:iam/rolePolicy:RolePolicy": rolePolicy,
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": rolePolicyAttachment,
};
