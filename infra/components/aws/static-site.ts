import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import { issuedCertificate } from "./certificate.ts";
import { nameOf, type Place } from "./place.ts";
import { PrivateBucket } from "./private-bucket.ts";

export interface StaticSiteArgs {
  place: Place;
  /** Where people reach it, and the zone that the name is in. Default: the name that CloudFront gives it. */
  domain?: { name: string; zoneId: pulumi.Input<string> } | undefined;
  /** Name of the API when it has one of its own: pages may call it. */
  apiDomain?: string | undefined;
  /** Where people are who wait least: 100 is Europe and North America, 200 adds Asia and Africa. Default: 100. */
  reach?: "100" | "200" | "All";
  /** ARN of the firewall in front of it. Default: none. */
  firewallArn?: pulumi.Input<string> | undefined;
  /** Days that replaced files can be restored: a rollback goes back so far. Default: 90. */
  keepReplacedDays?: number;
}

/** CloudFront takes certificates from this region alone. */
const CERTIFICATE_REGION = "us-east-1";

/** AWS's own policy `CachingOptimized`: keeps as long as the objects' headers say. */
const CACHING_OPTIMIZED_ID = "658327ea-f89d-4fab-a63d-7e88639e58f6";

const TWO_YEARS_SECONDS = 63_072_000;

/** The pages of a single-page application have paths without a dot; each is the same file. */
const PAGE_REWRITE = `function handler(event) {
  var request = event.request;
  var last = request.uri.slice(request.uri.lastIndexOf("/") + 1);
  if (last.indexOf(".") === -1) request.uri = "/index.html";
  return request;
}
`;

/** The user interface: a bucket that only CloudFront reads, and its distribution. Files come by shipping a release. */
export class StaticSite extends pulumi.ComponentResource {
  readonly bucketName: pulumi.Output<string>;
  readonly distributionId: pulumi.Output<string>;
  readonly distributionDomain: pulumi.Output<string>;
  /** Without a slash at the end. */
  readonly url: pulumi.Output<string>;
  /** Null: CloudFront's own certificate. */
  readonly certificateArn: pulumi.Output<string> | null;

  readonly #args: StaticSiteArgs;

  constructor(name: string, args: StaticSiteArgs, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:StaticSite", name, {}, options);
    this.#args = args;
    const { place, domain } = args;

    // The distribution reads the bucket, whose policy names the distribution.
    const [distributionArn, tellDistributionArn] = pulumi.deferredOutput<string>();
    const bucket = this.#createBucket(distributionArn);
    this.certificateArn =
      domain === undefined
        ? null
        : issuedCertificate(
            "site",
            { place, domain: domain.name, zoneId: domain.zoneId, region: CERTIFICATE_REGION },
            { parent: this },
          );
    const distribution = this.#createDistribution(bucket);
    tellDistributionArn(distribution.arn);
    if (domain !== undefined) this.#giveDomain(distribution, domain);

    this.bucketName = bucket.bucketName;
    this.distributionId = distribution.id;
    this.distributionDomain = distribution.domainName;
    this.url = pulumi.interpolate`https://${domain?.name ?? distribution.domainName}`;
    this.registerOutputs({ url: this.url });
  }

  #createBucket(distributionArn: pulumi.Output<string>): PrivateBucket {
    const { place, keepReplacedDays = 90 } = this.#args;
    return new PrivateBucket(
      "site",
      {
        place,
        keepReplacedDays,
        statements: (bucketArn) => [
          {
            Sid: "CloudFrontReads",
            Effect: "Allow",
            Principal: { Service: "cloudfront.amazonaws.com" },
            Action: "s3:GetObject",
            Resource: pulumi.interpolate`${bucketArn}/*`,
            Condition: { StringEquals: { "AWS:SourceArn": distributionArn } },
          },
        ],
      },
      { parent: this },
    );
  }

  #createDistribution(bucket: PrivateBucket): aws.cloudfront.Distribution {
    const { place, domain, firewallArn, reach = "100" } = this.#args;
    const own = { parent: this };
    const access = new aws.cloudfront.OriginAccessControl(
      "site",
      {
        name: nameOf(place, "site"),
        description: "CloudFront signs what it asks of the bucket",
        originAccessControlOriginType: "s3",
        signingBehavior: "always",
        signingProtocol: "sigv4",
      },
      own,
    );
    const rewrite = new aws.cloudfront.Function(
      "pages",
      {
        name: nameOf(place, "pages"),
        runtime: "cloudfront-js-2.0",
        comment: "Every page is index.html",
        publish: true,
        code: PAGE_REWRITE,
      },
      own,
    );
    return new aws.cloudfront.Distribution(
      "site",
      {
        comment: `Strategy desk, ${place.environment}`,
        enabled: true,
        isIpv6Enabled: true,
        httpVersion: "http2and3",
        priceClass: `PriceClass_${reach}`,
        defaultRootObject: "index.html",
        ...(firewallArn === undefined ? {} : { webAclId: firewallArn }),
        aliases: domain === undefined ? [] : [domain.name],
        origins: [
          {
            originId: "site",
            domainName: bucket.regionalDomainName,
            originAccessControlId: access.id,
          },
        ],
        defaultCacheBehavior: {
          targetOriginId: "site",
          viewerProtocolPolicy: "redirect-to-https",
          allowedMethods: ["GET", "HEAD"],
          cachedMethods: ["GET", "HEAD"],
          compress: true,
          cachePolicyId: CACHING_OPTIMIZED_ID,
          responseHeadersPolicyId: this.#createHeaders().id,
          functionAssociations: [{ eventType: "viewer-request", functionArn: rewrite.arn }],
        },
        restrictions: { geoRestriction: { restrictionType: "none" } },
        viewerCertificate:
          this.certificateArn === null
            ? { cloudfrontDefaultCertificate: true }
            : {
                acmCertificateArn: this.certificateArn,
                sslSupportMethod: "sni-only",
                minimumProtocolVersion: "TLSv1.2_2021",
              },
        tags: place.tags,
      },
      own,
    );
  }

  #createHeaders(): aws.cloudfront.ResponseHeadersPolicy {
    const { place, apiDomain } = this.#args;
    const api = apiDomain ?? `*.execute-api.${place.region}.amazonaws.com`;
    return new aws.cloudfront.ResponseHeadersPolicy(
      "site",
      {
        name: nameOf(place, "site"),
        comment: "What browsers may do with the pages",
        securityHeadersConfig: {
          contentSecurityPolicy: {
            contentSecurityPolicy: `default-src 'self'; connect-src 'self' https://${api}; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'`,
            override: true,
          },
          contentTypeOptions: { override: true },
          frameOptions: { frameOption: "DENY", override: true },
          referrerPolicy: { referrerPolicy: "strict-origin-when-cross-origin", override: true },
          strictTransportSecurity: {
            accessControlMaxAgeSec: TWO_YEARS_SECONDS,
            includeSubdomains: false,
            override: true,
          },
        },
      },
      { parent: this },
    );
  }

  #giveDomain(
    distribution: aws.cloudfront.Distribution,
    domain: { name: string; zoneId: pulumi.Input<string> },
  ): void {
    for (const type of ["A", "AAAA"]) {
      new aws.route53.Record(
        `site-${type.toLowerCase()}`,
        {
          zoneId: domain.zoneId,
          name: domain.name,
          type,
          aliases: [
            {
              name: distribution.domainName,
              zoneId: distribution.hostedZoneId,
              evaluateTargetHealth: false,
            },
          ],
        },
        { parent: this },
      );
    }
  }
}
