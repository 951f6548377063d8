import { CloudWatchClient, DescribeAlarmsCommand, GetDashboardCommand } from "@aws-sdk/client-cloudwatch";
import {
  CloudWatchLogsClient,
  DescribeLogGroupsCommand,
  FilterLogEventsCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import { ListSubscriptionsByTopicCommand, SNSClient } from "@aws-sdk/client-sns";
import {
  BatchGetTracesCommand,
  GetTraceSummariesCommand,
  type TraceSummary,
  XRayClient,
} from "@aws-sdk/client-xray";
import { z } from "zod";
import { nameOf } from "../failures.ts";
import { parsed } from "./api-rules.ts";
import {
  ERROR_PATTERNS,
  isErrorLine,
  type SeenAlarm,
  type SeenLogs,
  type SeenSubscription,
} from "./monitoring-rules.ts";
import { type Scope, withClient } from "./scope.ts";

/** The most names that one call takes. */
const ALARMS_PER_CALL = 100;
const TRACES_PER_CALL = 5;
/** Enough to see functions of an idle system; a busy one shows itself in the first summaries. */
const MOST_TRACES_OPENED = 50;
/** X-Ray looks at six hours in one call. */
const TRACE_WINDOW_MS = 6 * 60 * 60_000;
const MOST_ERRORS = 50;
const MOST_ENTRIES = 100;

/** What the monitoring checks ask of AWS. */
export interface MonitoringReader {
  /** Every name that was asked for, with what is there. */
  alarms(names: readonly string[]): Promise<ReadonlyMap<string, SeenAlarm>>;
  /** Number of widgets; null: there is none of that name. */
  dashboard(name: string): Promise<number | null>;
  subscriptions(topicArn: string): Promise<SeenSubscription[]>;
  /** Days; null: for ever; undefined: there is no such group. */
  retention(logGroup: string): Promise<number | null | undefined>;
  /** Entries since the deployment. */
  logs(logGroup: string): Promise<SeenLogs>;
  /** Names of the functions, of those given, that traces since the deployment are of. */
  traced(functions: readonly string[]): Promise<ReadonlySet<string>>;
}

export function monitoringReader(scope: Scope): MonitoringReader {
  return {
    alarms: (names) => alarms(scope, names),
    dashboard: (name) => dashboard(scope, name),
    subscriptions: (topicArn) => subscriptions(scope, topicArn),
    retention: (logGroup) => retention(scope, logGroup),
    logs: (logGroup) => logs(scope, logGroup),
    traced: (functions) => traced(scope, functions),
  };
}

async function alarms(scope: Scope, names: readonly string[]): Promise<ReadonlyMap<string, SeenAlarm>> {
  return withClient(
    scope,
    (settings) => new CloudWatchClient(settings),
    async (client, options) => {
      const seen = new Map<string, SeenAlarm>(names.map((name) => [name, null]));
      for (let from = 0; from < names.length; from += ALARMS_PER_CALL) {
        const { MetricAlarms = [], CompositeAlarms = [] } = await client.send(
          new DescribeAlarmsCommand({
            AlarmNames: names.slice(from, from + ALARMS_PER_CALL),
            // Left out, only metric alarms are answered.
            AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
            MaxRecords: ALARMS_PER_CALL,
          }),
          options,
        );
        for (const one of [...MetricAlarms, ...CompositeAlarms])
          seen.set(one.AlarmName ?? "", {
            state: one.StateValue ?? "unknown",
            reason: one.StateReason ?? "no reason given",
            actionsEnabled: one.ActionsEnabled ?? false,
          });
      }
      return seen;
    },
  );
}

const DashboardBody = z.looseObject({ widgets: z.array(z.unknown()) });

async function dashboard(scope: Scope, name: string): Promise<number | null> {
  return withClient(
    scope,
    (settings) => new CloudWatchClient(settings),
    async (client, options) => {
      try {
        const { DashboardBody: body } = await client.send(
          new GetDashboardCommand({ DashboardName: name }),
          options,
        );
        const content = DashboardBody.safeParse(parsed(body ?? ""));
        return content.success ? content.data.widgets.length : 0;
      } catch (thrown) {
        if (/NotFound/.test(nameOf(thrown))) return null;
        throw thrown;
      }
    },
  );
}

async function subscriptions(scope: Scope, topicArn: string): Promise<SeenSubscription[]> {
  return withClient(
    scope,
    (settings) => new SNSClient(settings),
    async (client, options) => {
      const seen: SeenSubscription[] = [];
      for (let next: string | undefined, first = true; first || next !== undefined; first = false) {
        const page = await client.send(
          new ListSubscriptionsByTopicCommand({ TopicArn: topicArn, NextToken: next }),
          options,
        );
        for (const one of page.Subscriptions ?? [])
          seen.push({
            arn: one.SubscriptionArn ?? "",
            protocol: one.Protocol ?? "",
            endpoint: one.Endpoint ?? "",
          });
        next = page.NextToken || undefined;
      }
      return seen;
    },
  );
}

async function retention(scope: Scope, logGroup: string): Promise<number | null | undefined> {
  return withClient(
    scope,
    (settings) => new CloudWatchLogsClient(settings),
    async (client, options) => {
      const { logGroups = [] } = await client.send(
        new DescribeLogGroupsCommand({ logGroupNamePrefix: logGroup }),
        options,
      );
      const group = logGroups.find((one) => one.logGroupName === logGroup);
      return group === undefined ? undefined : (group.retentionInDays ?? null);
    },
  );
}

async function logs(scope: Scope, logGroup: string): Promise<SeenLogs> {
  return withClient(
    scope,
    (settings) => new CloudWatchLogsClient(settings),
    async (client, options) => {
      const since = { logGroupName: logGroup, startTime: scope.deployedAt.getTime() };
      let entries = 0;
      let more: string | undefined;
      // One entry is enough; a page may be empty although there are more.
      do {
        const page = await client.send(
          new FilterLogEventsCommand({ ...since, nextToken: more, limit: MOST_ENTRIES }),
          options,
        );
        entries = page.events?.length ?? 0;
        more = page.nextToken || undefined;
      } while (entries === 0 && more !== undefined);
      const errors = new Map<string, string>();
      for (const filterPattern of ERROR_PATTERNS) {
        let nextToken: string | undefined;
        do {
          const page = await client.send(
            new FilterLogEventsCommand({ ...since, filterPattern, nextToken }),
            options,
          );
          for (const { message = "", eventId = message } of page.events ?? [])
            if (isErrorLine(message)) errors.set(eventId, message);
          nextToken = page.nextToken || undefined;
        } while (nextToken !== undefined && errors.size < MOST_ERRORS);
      }
      return { entries, errors: [...errors.values()] };
    },
  );
}

async function traced(scope: Scope, functions: readonly string[]): Promise<ReadonlySet<string>> {
  const now = scope.now();
  const from = new Date(Math.max(scope.deployedAt.getTime(), now.getTime() - TRACE_WINDOW_MS));
  return withClient(
    scope,
    (settings) => new XRayClient(settings),
    async (client, options) => {
      const seen = new Set<string>();
      const unnamed: string[] = [];
      let next: string | undefined;
      do {
        const page = await client.send(
          new GetTraceSummariesCommand({ StartTime: from, EndTime: now, NextToken: next }),
          options,
        );
        for (const trace of page.TraceSummaries ?? []) {
          const names = servicesOf(trace);
          for (const name of names) seen.add(name);
          if (names.length === 0 && trace.Id !== undefined) unnamed.push(trace.Id);
        }
        next = page.NextToken || undefined;
      } while (next !== undefined && !functions.every((name) => seen.has(name)));
      // A trace that is still being put together does not name its services yet; its parts do.
      for (let at = 0; at < Math.min(unnamed.length, MOST_TRACES_OPENED); at += TRACES_PER_CALL) {
        const ids = unnamed.slice(at, at + TRACES_PER_CALL);
        const { Traces = [] } = await client.send(new BatchGetTracesCommand({ TraceIds: ids }), options);
        for (const segment of Traces.flatMap((trace) => trace.Segments ?? [])) {
          const document = Segment.safeParse(parsed(segment.Document ?? ""));
          if (document.success) seen.add(document.data.name);
        }
      }
      return new Set(functions.filter((name) => seen.has(name)));
    },
  );
}

/** https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html */
const Segment = z.looseObject({ name: z.string() });

function servicesOf(trace: TraceSummary): string[] {
  return (trace.ServiceIds ?? []).flatMap((service) => [service.Name ?? [], service.Names ?? []].flat());
}
