import {
  CreateTopicCommand,
  DeleteTopicCommand,
  GetSubscriptionAttributesCommand,
  GetTopicAttributesCommand,
  ListTagsForResourceCommand,
  SetSubscriptionAttributesCommand,
  SetTopicAttributesCommand,
  SNSClient,
  SubscribeCommand,
  TagResourceCommand,
  UnsubscribeCommand,
  UntagResourceCommand,
} from "@aws-sdk/client-sns";
import {
  CreateQueueCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueueTagsCommand,
  SetQueueAttributesCommand,
  SQSClient,
  TagQueueCommand,
  UntagQueueCommand,
} from "@aws-sdk/client-sqs";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  tagList,
  tagMap,
  tagsFrom,
  tagsToDrop,
  textOf,
  unlessGone,
  type Values,
} from "../kind.ts";

const NO_TOPIC = ["NotFoundException", "NotFound"] as const;
const NO_QUEUE = ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"] as const;

const topic: Kind = {
  create: async (inputs, clients) => {
    const key = maybeText(inputs, "kmsMasterKeyId");
    const made = await clients.of(SNSClient).send(
      new CreateTopicCommand({
        Name: textOf(inputs, "name"),
        Tags: tagList(inputs),
        ...(key === undefined ? {} : { Attributes: { KmsMasterKeyId: key } }),
      }),
    );
    return made.TopicArn ?? "";
  },
  read: async (id, clients) => {
    const sns = clients.of(SNSClient);
    const asked = sns.send(new GetTopicAttributesCommand({ TopicArn: id }));
    const found = await unlessGone(asked, ...NO_TOPIC);
    if (found === undefined) return undefined;
    const tags = await sns.send(new ListTagsForResourceCommand({ ResourceArn: id }));
    return {
      name: id.split(":").at(-1),
      arn: id,
      owner: found.Attributes?.Owner ?? "",
      kmsMasterKeyId: found.Attributes?.KmsMasterKeyId ?? "",
      tagsAll: tagsFrom(tags.Tags),
    };
  },
  update: async (id, inputs, clients, changed) => {
    const sns = clients.of(SNSClient);
    if (changed.has("kmsMasterKeyId")) {
      const AttributeValue = maybeText(inputs, "kmsMasterKeyId") ?? "";
      await sns.send(
        new SetTopicAttributesCommand({ TopicArn: id, AttributeName: "KmsMasterKeyId", AttributeValue }),
      );
    }
    const there = await sns.send(new ListTagsForResourceCommand({ ResourceArn: id }));
    const TagKeys = tagsToDrop(inputs, tagsFrom(there.Tags));
    if (TagKeys.length > 0) await sns.send(new UntagResourceCommand({ ResourceArn: id, TagKeys }));
    await sns.send(new TagResourceCommand({ ResourceArn: id, Tags: tagList(inputs) }));
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(SNSClient).send(new DeleteTopicCommand({ TopicArn: id })),
      ...NO_TOPIC,
    )),
};

const topicPolicy: Kind = {
  create: async (inputs, clients) => {
    const [TopicArn, AttributeValue] = [textOf(inputs, "arn"), textOf(inputs, "policy")];
    await clients
      .of(SNSClient)
      .send(new SetTopicAttributesCommand({ TopicArn, AttributeName: "Policy", AttributeValue }));
    return TopicArn;
  },
  read: async (id, clients) => {
    const asked = clients.of(SNSClient).send(new GetTopicAttributesCommand({ TopicArn: id }));
    const found = await unlessGone(asked, ...NO_TOPIC);
    const policy = found?.Attributes?.Policy;
    return policy === undefined ? undefined : { arn: id, owner: found?.Attributes?.Owner ?? "", policy };
  },
  update: async (_, inputs, clients) => void (await topicPolicy.create(inputs, clients)),
  // A topic always has one: AWS puts its own in.
  delete: async (id, _, clients) => {
    const AttributeValue = JSON.stringify({ Version: "2008-10-17", Statement: [] });
    await unlessGone(
      clients
        .of(SNSClient)
        .send(new SetTopicAttributesCommand({ TopicArn: id, AttributeName: "Policy", AttributeValue })),
      ...NO_TOPIC,
    );
  },
};

const topicSubscription: Kind = {
  create: async (inputs, clients) => {
    const raw = maybeFlag(inputs, "rawMessageDelivery") ?? false;
    const made = await clients.of(SNSClient).send(
      new SubscribeCommand({
        TopicArn: textOf(inputs, "topic"),
        Protocol: textOf(inputs, "protocol"),
        Endpoint: textOf(inputs, "endpoint"),
        ReturnSubscriptionArn: true,
        ...(raw ? { Attributes: { RawMessageDelivery: "true" } } : {}),
      }),
    );
    return made.SubscriptionArn ?? "";
  },
  read: async (id, clients) => {
    const command = new GetSubscriptionAttributesCommand({ SubscriptionArn: id });
    const found = await unlessGone(clients.of(SNSClient).send(command), ...NO_TOPIC);
    const there = found?.Attributes;
    if (there === undefined) return undefined;
    return {
      arn: id,
      topic: there.TopicArn,
      protocol: there.Protocol,
      endpoint: there.Endpoint,
      ownerId: there.Owner ?? "",
      pendingConfirmation: there.PendingConfirmation === "true",
      confirmationWasAuthenticated: there.ConfirmationWasAuthenticated === "true",
      rawMessageDelivery: there.RawMessageDelivery === "true",
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients.of(SNSClient).send(
      new SetSubscriptionAttributesCommand({
        SubscriptionArn: id,
        AttributeName: "RawMessageDelivery",
        AttributeValue: String(maybeFlag(inputs, "rawMessageDelivery") ?? false),
      }),
    )),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(SNSClient).send(new UnsubscribeCommand({ SubscriptionArn: id })),
      ...NO_TOPIC,
    )),
};

function queueAttributes(inputs: Values): Record<string, string> {
  const kept = maybeNumber(inputs, "messageRetentionSeconds");
  const key = maybeText(inputs, "kmsMasterKeyId");
  return {
    ...(kept === undefined ? {} : { MessageRetentionPeriod: String(kept) }),
    ...(key === undefined ? {} : { KmsMasterKeyId: key }),
  };
}

const queue: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(SQSClient).send(
      new CreateQueueCommand({
        QueueName: textOf(inputs, "name"),
        Attributes: queueAttributes(inputs),
        tags: tagMap(inputs),
      }),
    );
    return made.QueueUrl ?? "";
  },
  read: async (id, clients) => {
    const sqs = clients.of(SQSClient);
    const QueueName = id.split("/").at(-1);
    const there = await unlessGone(sqs.send(new GetQueueUrlCommand({ QueueName })), ...NO_QUEUE);
    if (there === undefined) return undefined;
    const [found, tags] = await Promise.all([
      sqs.send(new GetQueueAttributesCommand({ QueueUrl: id, AttributeNames: ["All"] })),
      sqs.send(new ListQueueTagsCommand({ QueueUrl: id })),
    ]);
    return {
      name: QueueName,
      url: id,
      arn: found.Attributes?.QueueArn,
      messageRetentionSeconds: Number(found.Attributes?.MessageRetentionPeriod),
      kmsMasterKeyId: found.Attributes?.KmsMasterKeyId ?? "",
      tagsAll: tags.Tags ?? {},
    };
  },
  update: async (id, inputs, clients) => {
    const sqs = clients.of(SQSClient);
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl: id, Attributes: queueAttributes(inputs) }));
    const there = await sqs.send(new ListQueueTagsCommand({ QueueUrl: id }));
    const TagKeys = tagsToDrop(inputs, there.Tags ?? {});
    if (TagKeys.length > 0) await sqs.send(new UntagQueueCommand({ QueueUrl: id, TagKeys }));
    await sqs.send(new TagQueueCommand({ QueueUrl: id, Tags: tagMap(inputs) }));
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(SQSClient).send(new DeleteQueueCommand({ QueueUrl: id })),
      ...NO_QUEUE,
    )),
};

const queuePolicy: Kind = {
  create: async (inputs, clients) => {
    const QueueUrl = textOf(inputs, "queueUrl");
    const Attributes = { Policy: textOf(inputs, "policy") };
    await clients.of(SQSClient).send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    return QueueUrl;
  },
  read: async (id, clients) => {
    const command = new GetQueueAttributesCommand({ QueueUrl: id, AttributeNames: ["Policy"] });
    const found = await unlessGone(clients.of(SQSClient).send(command), ...NO_QUEUE);
    const policy = found?.Attributes?.Policy;
    return policy === undefined || policy === "" ? undefined : { queueUrl: id, policy };
  },
  update: async (_, inputs, clients) => void (await queuePolicy.create(inputs, clients)),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(SQSClient).send(new SetQueueAttributesCommand({ QueueUrl: id, Attributes: { Policy: "" } })),
      ...NO_QUEUE,
    )),
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:sns/topic:Topic": topic,
  "aws:sns/topicPolicy:TopicPolicy": topicPolicy,
  "aws:sns/topicSubscription:TopicSubscription": topicSubscription,
  "aws:sqs/queue:Queue": queue,
  "aws:sqs/queuePolicy:QueuePolicy": queuePolicy,
};
