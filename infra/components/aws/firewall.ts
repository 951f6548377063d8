import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import { nameOf, type Place } from "./place.ts";

export interface FirewallArgs {
  place: Place;
  /** Requests of one address within five minutes, beyond which it is turned away until they are fewer: 10 to 2,000,000,000. Default: 2000. */
  requestsPerAddress?: number;
}

/** CloudFront takes firewalls from this region alone. */
const FIREWALL_REGION = "us-east-1";
const WINDOW_SECONDS = 300;

/** Groups of rules that AWS keeps up to date, in the order in which they are asked. */
const MANAGED_GROUPS = ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesCommonRuleSet"] as const;

/**
 * What stands in front of the site: addresses and requests that AWS knows to be bad are turned away, and so is an address that asks too often. Nothing of it reaches the API: AWS WAF protects no HTTP
 * API, whose own limit is `requestsPerSecond`.
 */
export class Firewall extends pulumi.ComponentResource {
  readonly arn: pulumi.Output<string>;

  constructor(name: string, args: FirewallArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:Firewall", name, {}, options);
    const { place, requestsPerAddress = 2000 } = args;
    const managed = MANAGED_GROUPS.map((group, index) => ({
      name: group,
      priority: index + 1,
      // Each rule of the group decides by itself.
      overrideAction: { none: {} },
      statement: { managedRuleGroupStatement: { name: group, vendorName: "AWS" } },
      visibilityConfig: seenAs(nameOf(place, group)),
    }));
    const made = new aws.wafv2.WebAcl(
      "site",
      {
        name: nameOf(place, "site"),
        description: `Requests of the site, ${place.environment}`,
        scope: "CLOUDFRONT",
        region: FIREWALL_REGION,
        defaultAction: { allow: {} },
        rules: [
          {
            name: "too-often",
            priority: 0,
            action: { block: {} },
            statement: {
              rateBasedStatement: {
                aggregateKeyType: "IP",
                limit: requestsPerAddress,
                evaluationWindowSec: WINDOW_SECONDS,
              },
            },
            visibilityConfig: seenAs(nameOf(place, "too-often")),
          },
          ...managed,
        ],
        visibilityConfig: seenAs(nameOf(place, "site")),
        tags: place.tags,
      },
      { parent: this },
    );
    this.arn = made.arn;
    this.registerOutputs({ arn: this.arn });
  }
}

/** Counted under this name, with samples of the requests that a rule has met. */
function seenAs(metricName: string) {
  return { cloudwatchMetricsEnabled: true, metricName, sampledRequestsEnabled: true };
}
