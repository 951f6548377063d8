import {
  BudgetsClient,
  CreateBudgetCommand,
  type CreateBudgetCommandInput,
  DeleteBudgetCommand,
  DescribeBudgetCommand,
  DescribeNotificationsForBudgetCommand,
  UpdateBudgetCommand,
} from "@aws-sdk/client-budgets";
import {
  AddTagsCommand,
  CloudTrailClient,
  CreateTrailCommand,
  DeleteTrailCommand,
  DescribeTrailsCommand,
  GetTrailStatusCommand,
  ListTagsCommand,
  StartLoggingCommand,
  UpdateTrailCommand,
} from "@aws-sdk/client-cloudtrail";
import {
  CloudWatchClient,
  type ComparisonOperator,
  DeleteAlarmsCommand,
  DeleteDashboardsCommand,
  DescribeAlarmsCommand,
  GetDashboardCommand,
  ListTagsForResourceCommand,
  PutDashboardCommand,
  PutMetricAlarmCommand,
  type Statistic,
} from "@aws-sdk/client-cloudwatch";
import {
  AssociateKmsKeyCommand,
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  DeleteLogGroupCommand,
  DeleteMetricFilterCommand,
  DescribeLogGroupsCommand,
  DescribeMetricFiltersCommand,
  ListTagsForResourceCommand as ListLogTagsCommand,
  PutMetricFilterCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand as TagLogCommand,
} from "@aws-sdk/client-cloudwatch-logs";
import {
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordOf,
  recordsOf,
  tagList,
  tagMap,
  tagsFrom,
  textOf,
  textsOf,
  unlessGone,
  type Values,
} from "../kind.ts";

const GONE = ["ResourceNotFoundException", "ResourceNotFound", "DashboardNotFoundError"] as const;

const dashboard: Kind = {
  create: async (inputs, clients) => {
    const DashboardName = textOf(inputs, "dashboardName");
    const DashboardBody = textOf(inputs, "dashboardBody");
    await clients.of(CloudWatchClient).send(new PutDashboardCommand({ DashboardName, DashboardBody }));
    return DashboardName;
  },
  read: async (id, clients) => {
    const asked = clients.of(CloudWatchClient).send(new GetDashboardCommand({ DashboardName: id }));
    const found = await unlessGone(asked, ...GONE);
    if (found === undefined) return undefined;
    return { dashboardName: id, dashboardArn: found.DashboardArn, dashboardBody: found.DashboardBody };
  },
  update: async (_, inputs, clients) => void (await dashboard.create(inputs, clients)),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(CloudWatchClient).send(new DeleteDashboardsCommand({ DashboardNames: [id] })),
      ...GONE,
    )),
};

const alarm: Kind = {
  create: async (inputs, clients) => {
    const name = textOf(inputs, "name");
    await clients.of(CloudWatchClient).send(
      new PutMetricAlarmCommand({
        AlarmName: name,
        AlarmDescription: maybeText(inputs, "alarmDescription"),
        Namespace: maybeText(inputs, "namespace"),
        MetricName: maybeText(inputs, "metricName"),
        Dimensions: Object.entries(recordOf(inputs, "dimensions")).map(([Name, Value]) => ({
          Name,
          Value: String(Value),
        })),
        Statistic: maybeText(inputs, "statistic") as Statistic | undefined,
        ExtendedStatistic: maybeText(inputs, "extendedStatistic"),
        ComparisonOperator: textOf(inputs, "comparisonOperator") as ComparisonOperator,
        Threshold: maybeNumber(inputs, "threshold"),
        Period: maybeNumber(inputs, "period"),
        EvaluationPeriods: maybeNumber(inputs, "evaluationPeriods"),
        DatapointsToAlarm: maybeNumber(inputs, "datapointsToAlarm"),
        TreatMissingData: maybeText(inputs, "treatMissingData") ?? "missing",
        ActionsEnabled: maybeFlag(inputs, "actionsEnabled") ?? true,
        AlarmActions: textsOf(inputs, "alarmActions"),
        OKActions: textsOf(inputs, "okActions"),
        Tags: tagList(inputs),
      }),
    );
    return name;
  },
  read: async (id, clients) => {
    const watch = clients.of(CloudWatchClient);
    const found = await watch.send(new DescribeAlarmsCommand({ AlarmNames: [id] }));
    const there = found.MetricAlarms?.[0];
    if (there === undefined) return undefined;
    const tags = await watch.send(new ListTagsForResourceCommand({ ResourceARN: there.AlarmArn }));
    return {
      name: there.AlarmName,
      arn: there.AlarmArn,
      alarmDescription: there.AlarmDescription ?? "",
      namespace: there.Namespace,
      metricName: there.MetricName,
      dimensions: Object.fromEntries((there.Dimensions ?? []).map(({ Name, Value }) => [Name, Value])),
      statistic: there.Statistic ?? "",
      extendedStatistic: there.ExtendedStatistic ?? "",
      comparisonOperator: there.ComparisonOperator,
      threshold: there.Threshold,
      period: there.Period,
      evaluationPeriods: there.EvaluationPeriods,
      datapointsToAlarm: there.DatapointsToAlarm,
      treatMissingData: there.TreatMissingData ?? "missing",
      alarmActions: there.AlarmActions ?? [],
      okActions: there.OKActions ?? [],
      tagsAll: tagsFrom(tags.Tags),
    };
  },
  update: async (_, inputs, clients) => void (await alarm.create(inputs, clients)),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(CloudWatchClient).send(new DeleteAlarmsCommand({ AlarmNames: [id] })),
      ...GONE,
    )),
};

async function keepLogs(name: string, inputs: Values, logs: CloudWatchLogsClient): Promise<void> {
  const retentionInDays = maybeNumber(inputs, "retentionInDays");
  if (retentionInDays !== undefined)
    await logs.send(new PutRetentionPolicyCommand({ logGroupName: name, retentionInDays }));
}

const logGroup: Kind = {
  create: async (inputs, clients) => {
    const logs = clients.of(CloudWatchLogsClient);
    const name = textOf(inputs, "name");
    await logs.send(
      new CreateLogGroupCommand({
        logGroupName: name,
        kmsKeyId: maybeText(inputs, "kmsKeyId"),
        tags: tagMap(inputs),
      }),
    );
    await keepLogs(name, inputs, logs);
    return name;
  },
  read: async (id, clients) => {
    const logs = clients.of(CloudWatchLogsClient);
    const found = await logs.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: id }));
    const there = found.logGroups?.find(({ logGroupName }) => logGroupName === id);
    if (there === undefined) return undefined;
    const arn = (there.arn ?? "").replace(/:\*$/, "");
    const tags = await logs.send(new ListLogTagsCommand({ resourceArn: arn }));
    return {
      name: id,
      arn,
      retentionInDays: there.retentionInDays ?? 0,
      kmsKeyId: there.kmsKeyId ?? "",
      tagsAll: tags.tags ?? {},
    };
  },
  update: async (id, inputs, clients, changed) => {
    const logs = clients.of(CloudWatchLogsClient);
    await keepLogs(id, inputs, logs);
    if (changed.has("kmsKeyId"))
      await logs.send(new AssociateKmsKeyCommand({ logGroupName: id, kmsKeyId: textOf(inputs, "kmsKeyId") }));
    if (!changed.has("tagsAll")) return;
    const resourceArn = `arn:${clients.partition}:logs:${clients.region}:${clients.accountId}:log-group:${id}`;
    await logs.send(new TagLogCommand({ resourceArn, tags: tagMap(inputs) }));
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(CloudWatchLogsClient).send(new DeleteLogGroupCommand({ logGroupName: id })),
      ...GONE,
    )),
};

const metricFilter: Kind = {
  create: async (inputs, clients) => {
    const metric = recordOf(inputs, "metricTransformation");
    const fallback = maybeText(metric, "defaultValue");
    await clients.of(CloudWatchLogsClient).send(
      new PutMetricFilterCommand({
        filterName: textOf(inputs, "name"),
        logGroupName: textOf(inputs, "logGroupName"),
        filterPattern: textOf(inputs, "pattern"),
        metricTransformations: [
          {
            metricName: textOf(metric, "name"),
            metricNamespace: textOf(metric, "namespace"),
            metricValue: textOf(metric, "value"),
            ...(fallback === undefined ? {} : { defaultValue: Number(fallback) }),
          },
        ],
      }),
    );
    return textOf(inputs, "name");
  },
  read: async (id, clients, known) => {
    const logGroupName = textOf(known, "logGroupName");
    const asked = new DescribeMetricFiltersCommand({ logGroupName, filterNamePrefix: id });
    const found = await unlessGone(clients.of(CloudWatchLogsClient).send(asked), ...GONE);
    const there = found?.metricFilters?.find(({ filterName }) => filterName === id);
    if (there === undefined) return undefined;
    const metric = there.metricTransformations?.[0];
    return {
      name: id,
      pattern: there.filterPattern,
      metricTransformation: {
        name: metric?.metricName,
        namespace: metric?.metricNamespace,
        value: metric?.metricValue,
        ...(metric?.defaultValue === undefined ? {} : { defaultValue: String(metric.defaultValue) }),
      },
    };
  },
  update: async (_, inputs, clients) => void (await metricFilter.create(inputs, clients)),
  delete: async (id, state, clients) =>
    void (await unlessGone(
      clients
        .of(CloudWatchLogsClient)
        .send(new DeleteMetricFilterCommand({ filterName: id, logGroupName: textOf(state, "logGroupName") })),
      ...GONE,
    )),
};

function budgetSettings(inputs: Values, AccountId: string): CreateBudgetCommandInput {
  return {
    AccountId,
    Budget: {
      BudgetName: textOf(inputs, "name"),
      BudgetType: textOf(inputs, "budgetType") as "COST",
      TimeUnit: textOf(inputs, "timeUnit") as "MONTHLY",
      BudgetLimit: { Amount: textOf(inputs, "limitAmount"), Unit: textOf(inputs, "limitUnit") },
      CostFilters: Object.fromEntries(
        recordsOf(inputs, "costFilters").map((filter) => [textOf(filter, "name"), textsOf(filter, "values")]),
      ),
    },
    NotificationsWithSubscribers: recordsOf(inputs, "notifications").map((told) => ({
      Notification: {
        NotificationType: textOf(told, "notificationType") as "ACTUAL",
        ComparisonOperator: textOf(told, "comparisonOperator") as "GREATER_THAN",
        Threshold: maybeNumber(told, "threshold"),
        ThresholdType: textOf(told, "thresholdType") as "PERCENTAGE",
      },
      Subscribers: textsOf(told, "subscriberEmailAddresses").map((Address) => ({
        SubscriptionType: "EMAIL" as const,
        Address,
      })),
    })),
  };
}

const budget: Kind = {
  create: async (inputs, clients) => {
    const command = new CreateBudgetCommand(budgetSettings(inputs, clients.accountId));
    await clients.of(BudgetsClient).send(command);
    return `${clients.accountId}:${textOf(inputs, "name")}`;
  },
  read: async (id, clients) => {
    const [AccountId, BudgetName = ""] = id.split(":");
    const budgets = clients.of(BudgetsClient);
    const asked = budgets.send(new DescribeBudgetCommand({ AccountId, BudgetName }));
    const found = await unlessGone(asked, "NotFoundException");
    const there = found?.Budget;
    if (there === undefined) return undefined;
    const told = await budgets.send(new DescribeNotificationsForBudgetCommand({ AccountId, BudgetName }));
    return {
      name: BudgetName,
      arn: `arn:${clients.partition}:budgets::${AccountId ?? ""}:budget/${BudgetName}`,
      budgetType: there.BudgetType,
      timeUnit: there.TimeUnit,
      limitAmount: String(Number(there.BudgetLimit?.Amount)),
      limitUnit: there.BudgetLimit?.Unit,
      // moto tells how many there are, not to whom they go.
      ...(told.Notifications?.length === 0 ? { notifications: [] } : {}),
    };
  },
  update: async (_, inputs, clients) => {
    const { AccountId, Budget } = budgetSettings(inputs, clients.accountId);
    await clients.of(BudgetsClient).send(new UpdateBudgetCommand({ AccountId, NewBudget: Budget }));
  },
  delete: async (id, _, clients) => {
    const [AccountId, BudgetName] = id.split(":");
    await unlessGone(
      clients.of(BudgetsClient).send(new DeleteBudgetCommand({ AccountId, BudgetName })),
      "NotFoundException",
    );
  },
};

function trailSettings(inputs: Values) {
  return {
    Name: textOf(inputs, "name"),
    S3BucketName: textOf(inputs, "s3BucketName"),
    KmsKeyId: maybeText(inputs, "kmsKeyId"),
    IsMultiRegionTrail: maybeFlag(inputs, "isMultiRegionTrail"),
    IncludeGlobalServiceEvents: maybeFlag(inputs, "includeGlobalServiceEvents"),
    EnableLogFileValidation: maybeFlag(inputs, "enableLogFileValidation"),
  };
}

const trail: Kind = {
  create: async (inputs, clients) => {
    const calls = clients.of(CloudTrailClient);
    const command = new CreateTrailCommand({ ...trailSettings(inputs), TagsList: tagList(inputs) });
    const made = await calls.send(command);
    if (maybeFlag(inputs, "enableLogging") ?? true)
      await calls.send(new StartLoggingCommand({ Name: made.TrailARN }));
    return made.TrailARN ?? "";
  },
  read: async (id, clients) => {
    const calls = clients.of(CloudTrailClient);
    const found = await calls.send(new DescribeTrailsCommand({ trailNameList: [id] }));
    const there = found.trailList?.[0];
    if (there === undefined) return undefined;
    const [status, tags] = await Promise.all([
      calls.send(new GetTrailStatusCommand({ Name: id })),
      calls.send(new ListTagsCommand({ ResourceIdList: [id] })),
    ]);
    return {
      name: there.Name,
      arn: there.TrailARN,
      homeRegion: there.HomeRegion,
      s3BucketName: there.S3BucketName,
      isMultiRegionTrail: there.IsMultiRegionTrail,
      includeGlobalServiceEvents: there.IncludeGlobalServiceEvents,
      enableLogFileValidation: there.LogFileValidationEnabled,
      enableLogging: status.IsLogging ?? false,
      tagsAll: tagsFrom(tags.ResourceTagList?.[0]?.TagsList),
    };
  },
  update: async (id, inputs, clients) => {
    const calls = clients.of(CloudTrailClient);
    await calls.send(new AddTagsCommand({ ResourceId: id, TagsList: tagList(inputs) }));
    await calls.send(new UpdateTrailCommand(trailSettings(inputs)));
    await calls.send(new StartLoggingCommand({ Name: textOf(inputs, "name") }));
  },
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(CloudTrailClient).send(new DeleteTrailCommand({ Name: id })),
      "TrailNotFoundException",
    )),
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:cloudwatch/dashboard:Dashboard": dashboard,
  "aws:cloudwatch/metricAlarm:MetricAlarm": alarm,
  "aws:cloudwatch/logGroup:LogGroup": logGroup,
  "aws:cloudwatch/logMetricFilter:LogMetricFilter": metricFilter,
  "aws:budgets/budget:Budget": budget,
  "aws:cloudtrail/trail:Trail": trail,
};
