import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { PublishCommand, SNSClient } from "@aws-sdk/client-sns";
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { failed, passed, type Verdict, withLatency } from "./check.ts";
import { type Scope, withClient } from "./scope.ts";

/** Messages of others come back after this: another validation may wait for its own, and real alerts are in the queue, too. */
const HIDDEN_SECONDS = 10;
const MESSAGES_PER_CALL = 10;
const LONGEST_POLL_SECONDS = 5;
const GAP_MS = 200;

/** Publishes an alert that says that it is a test, and waits until it arrives at the probe queue. Removes it from there. */
export async function sendTestAlert(scope: Scope): Promise<Verdict> {
  const { topicArn, probeQueueUrl } = scope.manifest.monitoring;
  const mark = randomUUID();
  const start = performance.now();
  await withClient(
    scope,
    (settings) => new SNSClient(settings),
    (client, options) =>
      client.send(
        new PublishCommand({
          TopicArn: topicArn,
          Subject: `Test alert of ${scope.manifest.environment}`,
          Message: `This is a test: a validation of ${scope.manifest.environment} checks that alerts arrive. Nothing is wrong. ${mark}`,
        }),
        options,
      ),
  );
  const limitMs = scope.settings.waitSeconds * 1_000;
  const arrived = await withClient(
    scope,
    (settings) => new SQSClient(settings),
    async (client, options) => {
      for (;;) {
        const left = limitMs - (performance.now() - start);
        const WaitTimeSeconds = Math.max(0, Math.min(LONGEST_POLL_SECONDS, Math.floor(left / 1_000)));
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({
            QueueUrl: probeQueueUrl,
            MaxNumberOfMessages: MESSAGES_PER_CALL,
            VisibilityTimeout: HIDDEN_SECONDS,
            WaitTimeSeconds,
          }),
          options,
        );
        const own = Messages.find((one) => one.Body?.includes(mark) === true);
        if (own !== undefined) {
          await client.send(
            new DeleteMessageCommand({ QueueUrl: probeQueueUrl, ReceiptHandle: own.ReceiptHandle }),
            options,
          );
          return true;
        }
        if (left <= 0) return false;
        await sleep(GAP_MS, undefined, { signal: scope.context.signal });
      }
    },
  );
  const latencyMs = performance.now() - start;
  return arrived
    ? withLatency(passed("it arrived at the probe queue"), latencyMs)
    : failed(`it was sent, and did not arrive at the probe queue within ${scope.settings.waitSeconds} s`);
}
