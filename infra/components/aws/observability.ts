import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import { type ApiFunction, LIVE } from "./api-function.ts";
import { dashboardBody } from "./dashboard.ts";
import { nameOf, type Place } from "./place.ts";
import { policyDocument } from "./policy-document.ts";

export interface ObservabilityArgs {
  place: Place;
  kmsKeyArn: pulumi.Input<string>;
  apiId: pulumi.Output<string>;
  functions: ReadonlyMap<string, ApiFunction>;
  /** Names by key. */
  tables: Readonly<Record<string, pulumi.Output<string>>>;
  distributionId: pulumi.Output<string>;
  /** Who is told; each must confirm a mail of AWS once. */
  alertEmails: readonly string[];
  /** Milliseconds that 95 of 100 requests may take. Default: 3000. */
  slowMs?: number;
}

/** When an alarm goes off. */
interface Threshold {
  description: string;
  namespace: string;
  metric: string;
  dimensions: Record<string, pulumi.Input<string>>;
  /** Default: the sum. */
  percentile?: string;
  /** Above this value. */
  above: number;
  /** Of `minutes` in a row, how many must be above. */
  minutes: number;
}

const MINUTE_SECONDS = 60;
const PROBE_KEEPS_SECONDS = 3600;

/** Who is told of what: alarms on everything that serves, the topic that carries them, a queue by which the arrival of an alert can be seen, and a dashboard. */
export class Observability extends pulumi.ComponentResource {
  readonly topicArn: pulumi.Output<string>;
  readonly probeQueueUrl: pulumi.Output<string>;
  readonly alarms: pulumi.Output<string>[] = [];
  readonly dashboard: pulumi.Output<string>;

  readonly #place: Place;

  constructor(name: string, args: ObservabilityArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:Observability", name, {}, options);
    this.#place = args.place;
    const { slowMs = 3000 } = args;

    this.topicArn = this.#createTopic(args.kmsKeyArn);
    this.probeQueueUrl = this.#createProbe(args.kmsKeyArn);
    for (const email of args.alertEmails) this.#subscribe(email);
    for (const [category, made] of args.functions) this.#watchFunction(category, made);
    this.#watchApi(args.apiId, slowMs);
    for (const [key, table] of Object.entries(args.tables)) this.#watchTable(key, table);
    this.dashboard = this.#createDashboard(args);

    this.registerOutputs({ topicArn: this.topicArn });
  }

  #createTopic(kmsKeyArn: pulumi.Input<string>): pulumi.Output<string> {
    const place = this.#place;
    const topic = new aws.sns.Topic(
      "alerts",
      { name: nameOf(place, "alerts"), kmsMasterKeyId: kmsKeyArn, tags: place.tags },
      { parent: this },
    );
    new aws.sns.TopicPolicy(
      "alerts",
      {
        arn: topic.arn,
        policy: policyDocument([
          {
            Sid: "AlarmsPublish",
            Effect: "Allow",
            Principal: { Service: "cloudwatch.amazonaws.com" },
            Action: "sns:Publish",
            Resource: topic.arn,
            Condition: { StringEquals: { "aws:SourceAccount": place.accountId } },
          },
        ]),
      },
      { parent: this },
    );
    return topic.arn;
  }

  #createProbe(kmsKeyArn: pulumi.Input<string>): pulumi.Output<string> {
    const place = this.#place;
    const queue = new aws.sqs.Queue(
      "alert-probe",
      {
        name: nameOf(place, "alert-probe"),
        messageRetentionSeconds: PROBE_KEEPS_SECONDS,
        kmsMasterKeyId: kmsKeyArn,
        tags: place.tags,
      },
      { parent: this },
    );
    new aws.sqs.QueuePolicy(
      "alert-probe",
      {
        queueUrl: queue.url,
        policy: policyDocument([
          {
            Sid: "TopicSends",
            Effect: "Allow",
            Principal: { Service: "sns.amazonaws.com" },
            Action: "sqs:SendMessage",
            Resource: queue.arn,
            Condition: { ArnEquals: { "aws:SourceArn": this.topicArn } },
          },
        ]),
      },
      { parent: this },
    );
    new aws.sns.TopicSubscription(
      "alert-probe",
      { topic: this.topicArn, protocol: "sqs", endpoint: queue.arn, rawMessageDelivery: true },
      { parent: this },
    );
    return queue.url;
  }

  #subscribe(email: string): void {
    new aws.sns.TopicSubscription(
      `mail ${email}`,
      { topic: this.topicArn, protocol: "email", endpoint: email },
      { parent: this },
    );
  }

  /** Only what serves counts: a smoke call of a version that serves nobody must not wake anyone. */
  #watchFunction(category: string, made: ApiFunction): void {
    const serving = {
      namespace: "AWS/Lambda",
      dimensions: {
        FunctionName: made.functionName,
        Resource: pulumi.interpolate`${made.functionName}:${LIVE}`,
      },
    };
    this.#alarm(`${category}-errors`, {
      ...serving,
      description: `The function ${category} fails`,
      metric: "Errors",
      above: 0,
      minutes: 3,
    });
    this.#alarm(`${category}-throttles`, {
      ...serving,
      description: `Calls of the function ${category} are turned away`,
      metric: "Throttles",
      above: 0,
      minutes: 3,
    });
    const logged = {
      namespace: this.#place.prefix,
      name: `${category}-logged-errors`,
    };
    new aws.cloudwatch.LogMetricFilter(
      category,
      {
        name: nameOf(this.#place, logged.name),
        logGroupName: made.logGroup,
        // The level of pino and the one of Lambda's own lines.
        pattern:
          '{ ($.level = "error") || ($.level = "fatal") || ($.level = "ERROR") || ($.level = "FATAL") }',
        metricTransformation: { ...logged, value: "1", defaultValue: "0" },
      },
      { parent: this },
    );
    this.#alarm(logged.name, {
      description: `The function ${category} logs errors`,
      namespace: logged.namespace,
      metric: logged.name,
      dimensions: {},
      above: 0,
      minutes: 5,
    });
  }

  #watchApi(apiId: pulumi.Output<string>, slowMs: number): void {
    const api = { namespace: "AWS/ApiGateway", dimensions: { ApiId: apiId } };
    this.#alarm("api-errors", {
      ...api,
      description: "The API answers with errors of its own",
      metric: "5xx",
      above: 0,
      minutes: 3,
    });
    this.#alarm("api-slow", {
      ...api,
      description: `One of 20 requests takes more than ${slowMs} ms`,
      metric: "Latency",
      percentile: "p95",
      above: slowMs,
      minutes: 5,
    });
  }

  #watchTable(key: string, table: pulumi.Output<string>): void {
    this.#alarm(`table-${key}-throttles`, {
      description: `Requests of the table ${key} are turned away`,
      namespace: "AWS/DynamoDB",
      metric: "ThrottledRequests",
      dimensions: { TableName: table },
      above: 0,
      minutes: 5,
    });
  }

  #alarm(name: string, threshold: Threshold): void {
    const { percentile } = threshold;
    const alarm = new aws.cloudwatch.MetricAlarm(
      name,
      {
        name: nameOf(this.#place, name),
        alarmDescription: threshold.description,
        namespace: threshold.namespace,
        metricName: threshold.metric,
        dimensions: threshold.dimensions,
        ...(percentile === undefined ? { statistic: "Sum" } : { extendedStatistic: percentile }),
        comparisonOperator: "GreaterThanThreshold",
        threshold: threshold.above,
        period: MINUTE_SECONDS,
        evaluationPeriods: threshold.minutes,
        datapointsToAlarm: Math.ceil(threshold.minutes / 2),
        // Nobody called: nothing is wrong.
        treatMissingData: "notBreaching",
        alarmActions: [this.topicArn],
        okActions: [this.topicArn],
        tags: this.#place.tags,
      },
      { parent: this },
    );
    this.alarms.push(alarm.name);
  }

  #createDashboard(args: ObservabilityArgs): pulumi.Output<string> {
    const made = new aws.cloudwatch.Dashboard(
      "overview",
      { dashboardName: nameOf(this.#place, "overview"), dashboardBody: dashboardBody(args) },
      { parent: this },
    );
    return made.dashboardName;
  }
}
