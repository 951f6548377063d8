import {
  CreateAliasCommand,
  CreateKeyCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyRotationCommand,
  EnableKeyRotationCommand,
  GetKeyPolicyCommand,
  GetKeyRotationStatusCommand,
  KMSClient,
  ListAliasesCommand,
  ListResourceTagsCommand,
  PutKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAliasCommand,
  UpdateKeyDescriptionCommand,
} from "@aws-sdk/client-kms";
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  SecretsManagerClient,
  TagResourceCommand as TagSecretCommand,
  UntagResourceCommand as UntagSecretCommand,
  UpdateSecretCommand,
} from "@aws-sdk/client-secrets-manager";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  tagList,
  tagsFrom,
  tagsToDrop,
  textOf,
  unlessGone,
  type Values,
} from "../kind.ts";

const GONE = ["NotFoundException", "ResourceNotFoundException"] as const;

function keyTags(inputs: Values): { TagKey: string; TagValue: string }[] {
  return tagList(inputs).map(({ Key, Value }) => ({ TagKey: Key, TagValue: Value }));
}

async function rotate(KeyId: string, inputs: Values, kms: KMSClient): Promise<void> {
  await (maybeFlag(inputs, "enableKeyRotation") === true
    ? kms.send(new EnableKeyRotationCommand({ KeyId }))
    : kms.send(new DisableKeyRotationCommand({ KeyId })));
}

const key: Kind = {
  create: async (inputs, clients) => {
    const kms = clients.of(KMSClient);
    const made = await kms.send(
      new CreateKeyCommand({
        Description: maybeText(inputs, "description"),
        Policy: maybeText(inputs, "policy"),
        Tags: keyTags(inputs),
      }),
    );
    const id = made.KeyMetadata?.KeyId ?? "";
    await rotate(id, inputs, kms);
    return id;
  },
  read: async (id, clients) => {
    const kms = clients.of(KMSClient);
    const found = await unlessGone(kms.send(new DescribeKeyCommand({ KeyId: id })), ...GONE);
    const there = found?.KeyMetadata;
    if (there === undefined || there.KeyState === "PendingDeletion") return undefined;
    const [policy, rotation, tags] = await Promise.all([
      kms.send(new GetKeyPolicyCommand({ KeyId: id, PolicyName: "default" })),
      kms.send(new GetKeyRotationStatusCommand({ KeyId: id })),
      kms.send(new ListResourceTagsCommand({ KeyId: id })),
    ]);
    return {
      keyId: there.KeyId,
      arn: there.Arn,
      description: there.Description ?? "",
      isEnabled: there.Enabled,
      policy: policy.Policy,
      enableKeyRotation: rotation.KeyRotationEnabled ?? false,
      tagsAll: Object.fromEntries((tags.Tags ?? []).map(({ TagKey, TagValue }) => [TagKey, TagValue])),
    };
  },
  update: async (id, inputs, clients, changed) => {
    const kms = clients.of(KMSClient);
    if (changed.has("description")) {
      const Description = maybeText(inputs, "description") ?? "";
      await kms.send(new UpdateKeyDescriptionCommand({ KeyId: id, Description }));
    }
    if (changed.has("policy")) {
      const Policy = textOf(inputs, "policy");
      await kms.send(new PutKeyPolicyCommand({ KeyId: id, PolicyName: "default", Policy }));
    }
    if (changed.has("enableKeyRotation")) await rotate(id, inputs, kms);
    if (changed.has("tagsAll")) {
      const there = await kms.send(new ListResourceTagsCommand({ KeyId: id }));
      const names = (there.Tags ?? []).map(({ TagKey, TagValue }) => [TagKey ?? "", TagValue]);
      const TagKeys = tagsToDrop(inputs, Object.fromEntries(names) as Values);
      if (TagKeys.length > 0) await kms.send(new UntagResourceCommand({ KeyId: id, TagKeys }));
      await kms.send(new TagResourceCommand({ KeyId: id, Tags: keyTags(inputs) }));
    }
  },
  delete: async (id, state, clients) => {
    const PendingWindowInDays = maybeNumber(state, "deletionWindowInDays");
    await unlessGone(
      clients.of(KMSClient).send(new ScheduleKeyDeletionCommand({ KeyId: id, PendingWindowInDays })),
      ...GONE,
    );
  },
};

const alias: Kind = {
  create: async (inputs, clients) => {
    const [AliasName, TargetKeyId] = [textOf(inputs, "name"), textOf(inputs, "targetKeyId")];
    await clients.of(KMSClient).send(new CreateAliasCommand({ AliasName, TargetKeyId }));
    return AliasName;
  },
  read: async (id, clients) => {
    const listed = await clients.of(KMSClient).send(new ListAliasesCommand({}));
    const there = listed.Aliases?.find(({ AliasName }) => AliasName === id);
    if (there === undefined) return undefined;
    return {
      name: id,
      arn: there.AliasArn,
      targetKeyId: there.TargetKeyId,
      targetKeyArn: `arn:${clients.partition}:kms:${clients.region}:${clients.accountId}:key/${there.TargetKeyId ?? ""}`,
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients
      .of(KMSClient)
      .send(new UpdateAliasCommand({ AliasName: id, TargetKeyId: textOf(inputs, "targetKeyId") }))),
  delete: async (id, _, clients) =>
    void (await unlessGone(clients.of(KMSClient).send(new DeleteAliasCommand({ AliasName: id })), ...GONE)),
};

const secret: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(SecretsManagerClient).send(
      new CreateSecretCommand({
        Name: textOf(inputs, "name"),
        Description: maybeText(inputs, "description"),
        KmsKeyId: maybeText(inputs, "kmsKeyId"),
        Tags: tagList(inputs),
      }),
    );
    return made.ARN ?? "";
  },
  read: async (id, clients) => {
    const asked = clients.of(SecretsManagerClient).send(new DescribeSecretCommand({ SecretId: id }));
    const found = await unlessGone(asked, ...GONE);
    if (found === undefined || found.DeletedDate !== undefined) return undefined;
    return {
      name: found.Name,
      arn: found.ARN,
      description: found.Description ?? "",
      kmsKeyId: found.KmsKeyId ?? "",
      tagsAll: tagsFrom(found.Tags),
    };
  },
  update: async (id, inputs, clients, changed) => {
    const secrets = clients.of(SecretsManagerClient);
    if (changed.has("description") || changed.has("kmsKeyId")) {
      await secrets.send(
        new UpdateSecretCommand({
          SecretId: id,
          Description: maybeText(inputs, "description"),
          KmsKeyId: maybeText(inputs, "kmsKeyId"),
        }),
      );
    }
    if (!changed.has("tagsAll")) return;
    const there = await secrets.send(new DescribeSecretCommand({ SecretId: id }));
    const TagKeys = tagsToDrop(inputs, tagsFrom(there.Tags));
    if (TagKeys.length > 0) await secrets.send(new UntagSecretCommand({ SecretId: id, TagKeys }));
    await secrets.send(new TagSecretCommand({ SecretId: id, Tags: tagList(inputs) }));
  },
  delete: async (id, state, clients) => {
    const days = maybeNumber(state, "recoveryWindowInDays") ?? 30;
    await unlessGone(
      clients
        .of(SecretsManagerClient)
        .send(
          new DeleteSecretCommand(
            days === 0
              ? { SecretId: id, ForceDeleteWithoutRecovery: true }
              : { SecretId: id, RecoveryWindowInDays: days },
          ),
        ),
      ...GONE,
    );
  },
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:kms/key:Key": key,
  "aws:kms/alias:Alias": alias,
  "aws:secretsmanager/secret:Secret": secret,
};
