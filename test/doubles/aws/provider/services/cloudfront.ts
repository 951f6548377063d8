import {
  CloudFrontClient,
  CreateDistributionWithTagsCommand,
  CreateFunctionCommand,
  CreateOriginAccessControlCommand,
  CreateResponseHeadersPolicyCommand,
  DeleteDistributionCommand,
  DeleteFunctionCommand,
  DeleteOriginAccessControlCommand,
  DeleteResponseHeadersPolicyCommand,
  DescribeFunctionCommand,
  type DistributionConfig,
  GetDistributionCommand,
  GetFunctionCommand,
  GetOriginAccessControlCommand,
  GetResponseHeadersPolicyCommand,
  ListTagsForResourceCommand,
  PublishFunctionCommand,
  type ResponseHeadersPolicyConfig,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateDistributionCommand,
  UpdateFunctionCommand,
  UpdateOriginAccessControlCommand,
  UpdateResponseHeadersPolicyCommand,
} from "@aws-sdk/client-cloudfront";
import {
  isRecord,
  type Kind,
  maybeFlag,
  maybeNumber,
  maybeText,
  recordOf,
  recordsOf,
  tagList,
  tagsFrom,
  tagsToDrop,
  textOf,
  textsOf,
  unlessGone,
  type Values,
} from "../kind.ts";

/** Of every distribution: where aliases of DNS point to. */
const HOSTED_ZONE = "Z2FDTNDATAQYW2";

function list<T>(Items: T[]): { Quantity: number; Items: T[] } {
  return { Quantity: Items.length, Items };
}

function distributionConfig(inputs: Values, CallerReference: string): DistributionConfig {
  const cache = recordOf(inputs, "defaultCacheBehavior");
  const certificate = recordOf(inputs, "viewerCertificate");
  const region = recordOf(recordOf(inputs, "restrictions"), "geoRestriction");
  return {
    CallerReference,
    Comment: maybeText(inputs, "comment") ?? "",
    Enabled: maybeFlag(inputs, "enabled") ?? false,
    IsIPV6Enabled: maybeFlag(inputs, "isIpv6Enabled"),
    HttpVersion: maybeText(inputs, "httpVersion") as "http2" | undefined,
    PriceClass: maybeText(inputs, "priceClass") as "PriceClass_100" | undefined,
    DefaultRootObject: maybeText(inputs, "defaultRootObject") ?? "",
    WebACLId: maybeText(inputs, "webAclId") ?? "",
    Aliases: list(textsOf(inputs, "aliases")),
    Origins: list(
      recordsOf(inputs, "origins").map((origin) => ({
        Id: textOf(origin, "originId"),
        DomainName: textOf(origin, "domainName"),
        OriginPath: maybeText(origin, "originPath") ?? "",
        OriginAccessControlId: maybeText(origin, "originAccessControlId"),
        S3OriginConfig: { OriginAccessIdentity: "" },
      })),
    ),
    CustomErrorResponses: list(
      recordsOf(inputs, "customErrorResponses").map((page) => ({
        ErrorCode: maybeNumber(page, "errorCode"),
        ResponseCode: String(maybeNumber(page, "responseCode") ?? ""),
        ResponsePagePath: maybeText(page, "responsePagePath") ?? "",
        ErrorCachingMinTTL: maybeNumber(page, "errorCachingMinTtl"),
      })),
    ),
    DefaultCacheBehavior: {
      TargetOriginId: textOf(cache, "targetOriginId"),
      ViewerProtocolPolicy: textOf(cache, "viewerProtocolPolicy") as "redirect-to-https",
      AllowedMethods: {
        ...list(textsOf(cache, "allowedMethods") as "GET"[]),
        CachedMethods: list(textsOf(cache, "cachedMethods") as "GET"[]),
      },
      Compress: maybeFlag(cache, "compress") ?? false,
      CachePolicyId: maybeText(cache, "cachePolicyId"),
      ResponseHeadersPolicyId: maybeText(cache, "responseHeadersPolicyId"),
      FunctionAssociations: list(
        recordsOf(cache, "functionAssociations").map((associated) => ({
          EventType: textOf(associated, "eventType") as "viewer-request",
          FunctionARN: textOf(associated, "functionArn"),
        })),
      ),
    },
    Restrictions: {
      GeoRestriction: {
        RestrictionType: textOf(region, "restrictionType") as "none",
        ...list(textsOf(region, "locations")),
      },
    },
    ViewerCertificate:
      maybeFlag(certificate, "cloudfrontDefaultCertificate") === true
        ? { CloudFrontDefaultCertificate: true }
        : {
            CloudFrontDefaultCertificate: false,
            ACMCertificateArn: maybeText(certificate, "acmCertificateArn"),
            SSLSupportMethod: maybeText(certificate, "sslSupportMethod") as "sni-only" | undefined,
            MinimumProtocolVersion: maybeText(certificate, "minimumProtocolVersion") as
              | "TLSv1.2_2021"
              | undefined,
          },
  };
}

const distribution: Kind = {
  create: async (inputs, clients) => {
    const made = await clients.of(CloudFrontClient).send(
      new CreateDistributionWithTagsCommand({
        DistributionConfigWithTags: {
          DistributionConfig: distributionConfig(inputs, `slipway-${String(Date.now())}-${Math.random()}`),
          Tags: { Items: tagList(inputs) },
        },
      }),
    );
    return made.Distribution?.Id ?? "";
  },
  read: async (id, clients) => {
    const cloudFront = clients.of(CloudFrontClient);
    const found = await unlessGone(
      cloudFront.send(new GetDistributionCommand({ Id: id })),
      "NoSuchDistribution",
    );
    const there = found?.Distribution;
    const config = there?.DistributionConfig;
    if (there === undefined || config === undefined) return undefined;
    const tags = await cloudFront.send(new ListTagsForResourceCommand({ Resource: there.ARN }));
    const cache = config.DefaultCacheBehavior;
    const certificate = config.ViewerCertificate;
    return {
      arn: there.ARN,
      domainName: there.DomainName,
      hostedZoneId: HOSTED_ZONE,
      status: there.Status,
      etag: found?.ETag,
      callerReference: config.CallerReference,
      lastModifiedTime: there.LastModifiedTime?.toISOString(),
      inProgressValidationBatches: there.InProgressInvalidationBatches ?? 0,
      comment: config.Comment,
      enabled: config.Enabled,
      isIpv6Enabled: config.IsIPV6Enabled,
      httpVersion: config.HttpVersion,
      priceClass: config.PriceClass,
      defaultRootObject: config.DefaultRootObject,
      webAclId: config.WebACLId,
      aliases: config.Aliases?.Items ?? [],
      origins: (config.Origins?.Items ?? []).map((origin) => ({
        originId: origin.Id,
        domainName: origin.DomainName,
        originAccessControlId: origin.OriginAccessControlId,
      })),
      defaultCacheBehavior: {
        targetOriginId: cache?.TargetOriginId,
        viewerProtocolPolicy: cache?.ViewerProtocolPolicy,
        allowedMethods: cache?.AllowedMethods?.Items,
        cachedMethods: cache?.AllowedMethods?.CachedMethods?.Items,
        compress: cache?.Compress,
        cachePolicyId: cache?.CachePolicyId,
        responseHeadersPolicyId: cache?.ResponseHeadersPolicyId,
        functionAssociations: (cache?.FunctionAssociations?.Items ?? []).map((associated) => ({
          eventType: associated.EventType,
          functionArn: associated.FunctionARN,
        })),
      },
      restrictions: {
        geoRestriction: { restrictionType: config.Restrictions?.GeoRestriction?.RestrictionType },
      },
      viewerCertificate: {
        cloudfrontDefaultCertificate: certificate?.CloudFrontDefaultCertificate,
        acmCertificateArn: certificate?.ACMCertificateArn,
        sslSupportMethod: certificate?.SSLSupportMethod,
        minimumProtocolVersion: certificate?.MinimumProtocolVersion,
      },
      tagsAll: tagsFrom(tags.Tags?.Items),
    };
  },
  update: async (id, inputs, clients, changed) => {
    const cloudFront = clients.of(CloudFrontClient);
    const found = await cloudFront.send(new GetDistributionCommand({ Id: id }));
    const reference = found.Distribution?.DistributionConfig?.CallerReference ?? "";
    await cloudFront.send(
      new UpdateDistributionCommand({
        Id: id,
        IfMatch: found.ETag,
        DistributionConfig: distributionConfig(inputs, reference),
      }),
    );
    if (!changed.has("tagsAll")) return;
    const Resource = found.Distribution?.ARN;
    const there = await cloudFront.send(new ListTagsForResourceCommand({ Resource }));
    const Items = tagsToDrop(inputs, tagsFrom(there.Tags?.Items));
    if (Items.length > 0) await cloudFront.send(new UntagResourceCommand({ Resource, TagKeys: { Items } }));
    await cloudFront.send(new TagResourceCommand({ Resource, Tags: { Items: tagList(inputs) } }));
  },
  delete: async (id, _, clients) => {
    const cloudFront = clients.of(CloudFrontClient);
    const found = await unlessGone(
      cloudFront.send(new GetDistributionCommand({ Id: id })),
      "NoSuchDistribution",
    );
    const config = found?.Distribution?.DistributionConfig;
    if (found === undefined || config === undefined) return;
    // AWS deletes a distribution only after it was disabled.
    const disabled = await cloudFront.send(
      new UpdateDistributionCommand({
        Id: id,
        IfMatch: found.ETag,
        DistributionConfig: { ...config, Enabled: false },
      }),
    );
    await cloudFront.send(new DeleteDistributionCommand({ Id: id, IfMatch: disabled.ETag }));
  },
};

function functionSettings(inputs: Values) {
  return {
    Name: textOf(inputs, "name"),
    FunctionConfig: {
      Comment: maybeText(inputs, "comment") ?? "",
      Runtime: textOf(inputs, "runtime") as "cloudfront-js-2.0",
    },
    FunctionCode: Buffer.from(textOf(inputs, "code")),
  };
}

const edgeFunction: Kind = {
  create: async (inputs, clients) => {
    const cloudFront = clients.of(CloudFrontClient);
    const { Name, ...rest } = functionSettings(inputs);
    const made = await cloudFront.send(new CreateFunctionCommand({ Name, ...rest }));
    if (maybeFlag(inputs, "publish") ?? true)
      await cloudFront.send(new PublishFunctionCommand({ Name, IfMatch: made.ETag }));
    return Name;
  },
  read: async (id, clients) => {
    const cloudFront = clients.of(CloudFrontClient);
    const described = await unlessGone(
      cloudFront.send(new DescribeFunctionCommand({ Name: id })),
      "NoSuchFunctionExists",
    );
    const summary = described?.FunctionSummary;
    if (summary === undefined) return undefined;
    const code = await cloudFront.send(new GetFunctionCommand({ Name: id }));
    return {
      name: id,
      arn: summary.FunctionMetadata?.FunctionARN,
      etag: described?.ETag,
      status: summary.Status,
      liveStageEtag: described?.ETag,
      runtime: summary.FunctionConfig?.Runtime,
      comment: summary.FunctionConfig?.Comment,
      code: Buffer.from(code.FunctionCode ?? new Uint8Array()).toString("utf8"),
    };
  },
  update: async (id, inputs, clients) => {
    const cloudFront = clients.of(CloudFrontClient);
    const found = await cloudFront.send(new DescribeFunctionCommand({ Name: id }));
    const changed = await cloudFront.send(
      new UpdateFunctionCommand({ ...functionSettings(inputs), IfMatch: found.ETag }),
    );
    if (maybeFlag(inputs, "publish") ?? true)
      await cloudFront.send(new PublishFunctionCommand({ Name: id, IfMatch: changed.ETag }));
  },
  delete: async (id, _, clients) => {
    const cloudFront = clients.of(CloudFrontClient);
    const found = await unlessGone(
      cloudFront.send(new DescribeFunctionCommand({ Name: id })),
      "NoSuchFunctionExists",
    );
    if (found !== undefined)
      await cloudFront.send(new DeleteFunctionCommand({ Name: id, IfMatch: found.ETag }));
  },
};

function accessControlConfig(inputs: Values) {
  return {
    Name: textOf(inputs, "name"),
    Description: maybeText(inputs, "description") ?? "Managed by Pulumi",
    SigningProtocol: textOf(inputs, "signingProtocol") as "sigv4",
    SigningBehavior: textOf(inputs, "signingBehavior") as "always",
    OriginAccessControlOriginType: textOf(inputs, "originAccessControlOriginType") as "s3",
  };
}

const originAccessControl: Kind = {
  create: async (inputs, clients) => {
    const command = new CreateOriginAccessControlCommand({
      OriginAccessControlConfig: accessControlConfig(inputs),
    });
    const made = await clients.of(CloudFrontClient).send(command);
    return made.OriginAccessControl?.Id ?? "";
  },
  read: async (id, clients) => {
    const asked = clients.of(CloudFrontClient).send(new GetOriginAccessControlCommand({ Id: id }));
    const found = await unlessGone(asked, "NoSuchOriginAccessControl");
    const config = found?.OriginAccessControl?.OriginAccessControlConfig;
    if (config === undefined) return undefined;
    return {
      arn: `arn:${clients.partition}:cloudfront::${clients.accountId}:origin-access-control/${id}`,
      etag: found?.ETag,
      name: config.Name,
      description: config.Description ?? "",
      signingProtocol: config.SigningProtocol,
      signingBehavior: config.SigningBehavior,
      originAccessControlOriginType: config.OriginAccessControlOriginType,
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients.of(CloudFrontClient).send(
      new UpdateOriginAccessControlCommand({
        Id: id,
        OriginAccessControlConfig: accessControlConfig(inputs),
      }),
    )),
  delete: async (id, _, clients) => {
    const cloudFront = clients.of(CloudFrontClient);
    const found = await unlessGone(
      cloudFront.send(new GetOriginAccessControlCommand({ Id: id })),
      "NoSuchOriginAccessControl",
    );
    if (found !== undefined)
      await cloudFront.send(new DeleteOriginAccessControlCommand({ Id: id, IfMatch: found.ETag }));
  },
};

function headersConfig(inputs: Values): ResponseHeadersPolicyConfig {
  const security = recordOf(inputs, "securityHeadersConfig");
  const part = (name: string) => (isRecord(security[name]) ? security[name] : undefined);
  const [csp, options, frames, referrer, sts] = [
    part("contentSecurityPolicy"),
    part("contentTypeOptions"),
    part("frameOptions"),
    part("referrerPolicy"),
    part("strictTransportSecurity"),
  ];
  const override = (values: Values) => ({ Override: maybeFlag(values, "override") ?? false });
  return {
    Name: textOf(inputs, "name"),
    Comment: maybeText(inputs, "comment") ?? "",
    SecurityHeadersConfig: {
      ContentSecurityPolicy:
        csp === undefined
          ? undefined
          : { ...override(csp), ContentSecurityPolicy: textOf(csp, "contentSecurityPolicy") },
      ContentTypeOptions: options === undefined ? undefined : override(options),
      FrameOptions:
        frames === undefined
          ? undefined
          : { ...override(frames), FrameOption: textOf(frames, "frameOption") as "DENY" },
      ReferrerPolicy:
        referrer === undefined
          ? undefined
          : {
              ...override(referrer),
              ReferrerPolicy: textOf(referrer, "referrerPolicy") as "same-origin",
            },
      StrictTransportSecurity:
        sts === undefined
          ? undefined
          : {
              ...override(sts),
              AccessControlMaxAgeSec: maybeNumber(sts, "accessControlMaxAgeSec"),
              IncludeSubdomains: maybeFlag(sts, "includeSubdomains"),
              Preload: maybeFlag(sts, "preload"),
            },
    },
  };
}

const responseHeadersPolicy: Kind = {
  create: async (inputs, clients) => {
    const command = new CreateResponseHeadersPolicyCommand({
      ResponseHeadersPolicyConfig: headersConfig(inputs),
    });
    const made = await clients.of(CloudFrontClient).send(command);
    return made.ResponseHeadersPolicy?.Id ?? "";
  },
  read: async (id, clients) => {
    const asked = clients.of(CloudFrontClient).send(new GetResponseHeadersPolicyCommand({ Id: id }));
    const found = await unlessGone(asked, "NoSuchResponseHeadersPolicy");
    const config = found?.ResponseHeadersPolicy?.ResponseHeadersPolicyConfig;
    if (config === undefined) return undefined;
    const security = config.SecurityHeadersConfig;
    return {
      arn: `arn:${clients.partition}:cloudfront::${clients.accountId}:response-headers-policy/${id}`,
      etag: found?.ETag,
      name: config.Name,
      comment: config.Comment ?? "",
      securityHeadersConfig: {
        contentSecurityPolicy: {
          contentSecurityPolicy: security?.ContentSecurityPolicy?.ContentSecurityPolicy,
          override: security?.ContentSecurityPolicy?.Override,
        },
        contentTypeOptions: { override: security?.ContentTypeOptions?.Override },
        frameOptions: {
          frameOption: security?.FrameOptions?.FrameOption,
          override: security?.FrameOptions?.Override,
        },
        referrerPolicy: {
          referrerPolicy: security?.ReferrerPolicy?.ReferrerPolicy,
          override: security?.ReferrerPolicy?.Override,
        },
        strictTransportSecurity: {
          accessControlMaxAgeSec: security?.StrictTransportSecurity?.AccessControlMaxAgeSec,
          includeSubdomains: security?.StrictTransportSecurity?.IncludeSubdomains,
          override: security?.StrictTransportSecurity?.Override,
        },
      },
    };
  },
  update: async (id, inputs, clients) =>
    void (await clients.of(CloudFrontClient).send(
      new UpdateResponseHeadersPolicyCommand({
        Id: id,
        ResponseHeadersPolicyConfig: headersConfig(inputs),
      }),
    )),
  delete: async (id, _, clients) =>
    void (await unlessGone(
      clients.of(CloudFrontClient).send(new DeleteResponseHeadersPolicyCommand({ Id: id })),
      "NoSuchResponseHeadersPolicy",
    )),
};

export const kinds: Readonly<Record<string, Kind>> = {
  "aws:cloudfront/distribution:Distribution": distribution,
  "aws:cloudfront/function:Function": edgeFunction,
  "aws:cloudfront/originAccessControl:OriginAccessControl": originAccessControl,
  "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": responseHeadersPolicy,
};
