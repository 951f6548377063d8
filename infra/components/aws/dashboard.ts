import pulumi from "@pulumi/pulumi";
import type { ApiFunction } from "./api-function.ts";
import type { Place } from "./place.ts";

/** A line of a graph, in CloudWatch's order: namespace, metric, then names and values of dimensions. */
type Metric = readonly pulumi.Input<string>[];

const WIDTH = 12;
const HEIGHT = 6;
const COLUMNS = 2;

/** The JSON of a dashboard: requests, failures and latency, of the API, of each function, of tables and of the distribution. */
export function dashboardBody(shown: {
  place: Place;
  apiId: pulumi.Output<string>;
  functions: ReadonlyMap<string, ApiFunction>;
  tables: Readonly<Record<string, pulumi.Output<string>>>;
  distributionId: pulumi.Output<string>;
}): pulumi.Output<string> {
  const { place, apiId, functions, tables, distributionId } = shown;
  const api = (metric: string): Metric => ["AWS/ApiGateway", metric, "ApiId", apiId];
  const perFunction = (metric: string): Metric[] =>
    [...functions.values()].map((one) => ["AWS/Lambda", metric, "FunctionName", one.functionName]);
  const cdn = (metric: string): Metric => [
    "AWS/CloudFront",
    metric,
    "DistributionId",
    distributionId,
    "Region",
    "Global",
  ];
  const graphs = [
    graph("Requests of the API", "Sum", [api("Count"), api("4xx"), api("5xx")]),
    graph("Latency of the API, 95 of 100 (ms)", "p95", [api("Latency"), api("IntegrationLatency")]),
    graph("Calls of functions", "Sum", perFunction("Invocations")),
    graph("Errors of functions", "Sum", perFunction("Errors")),
    graph("Duration of functions, 95 of 100 (ms)", "p95", perFunction("Duration")),
    graph(
      "Throttled requests of tables",
      "Sum",
      Object.values(tables).map((table) => ["AWS/DynamoDB", "ThrottledRequests", "TableName", table]),
    ),
    // CloudFront counts in this region alone.
    { ...graph("Requests of the site", "Sum", [cdn("Requests")]), region: "us-east-1" },
    { ...graph("Failed requests of the site (%)", "Average", [cdn("5xxErrorRate")]), region: "us-east-1" },
  ];
  return pulumi.jsonStringify({
    widgets: graphs.map((properties, index) => ({
      type: "metric",
      x: (index % COLUMNS) * WIDTH,
      y: Math.floor(index / COLUMNS) * HEIGHT,
      width: WIDTH,
      height: HEIGHT,
      properties: { region: place.region, view: "timeSeries", period: 60, ...properties },
    })),
  });
}

function graph(title: string, stat: string, metrics: readonly Metric[]) {
  return { title, stat, metrics };
}
