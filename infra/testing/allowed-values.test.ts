import * as acm from "@aws-sdk/client-acm";
import * as apiGateway from "@aws-sdk/client-apigatewayv2";
import * as budgets from "@aws-sdk/client-budgets";
import * as cloudFront from "@aws-sdk/client-cloudfront";
import * as cloudWatch from "@aws-sdk/client-cloudwatch";
import * as dynamo from "@aws-sdk/client-dynamodb";
import * as ec2 from "@aws-sdk/client-ec2";
import * as elastiCache from "@aws-sdk/client-elasticache";
import * as lambda from "@aws-sdk/client-lambda";
import * as s3 from "@aws-sdk/client-s3";
import { expect, test } from "vitest";
import { RESOURCE_TYPES } from "../components/aws/resource-types.ts";
import { ALLOWED_VALUES } from "./allowed-values.ts";
import { type ProviderSchema, type Shape, schemaOf } from "./provider-schema.ts";

/** The enum of AWS's own service model that the values of a property are from; its SDK is made from the same models. */
const ENUMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "aws:acm/certificate:Certificate#validationMethod": acm.ValidationMethod,
  "aws:apigatewayv2/api:Api#protocolType": apiGateway.ProtocolType,
  "aws:apigatewayv2/domainName:DomainName#domainNameConfiguration.endpointType": apiGateway.EndpointType,
  "aws:apigatewayv2/domainName:DomainName#domainNameConfiguration.securityPolicy": apiGateway.SecurityPolicy,
  "aws:apigatewayv2/integration:Integration#integrationType": apiGateway.IntegrationType,
  "aws:apigatewayv2/route:Route#authorizationType": apiGateway.AuthorizationType,
  "aws:budgets/budget:Budget#budgetType": budgets.BudgetType,
  "aws:budgets/budget:Budget#timeUnit": budgets.TimeUnit,
  "aws:budgets/budget:Budget#notifications[].comparisonOperator": budgets.ComparisonOperator,
  "aws:budgets/budget:Budget#notifications[].notificationType": budgets.NotificationType,
  "aws:budgets/budget:Budget#notifications[].thresholdType": budgets.ThresholdType,
  "aws:cloudfront/distribution:Distribution#defaultCacheBehavior.viewerProtocolPolicy":
    cloudFront.ViewerProtocolPolicy,
  "aws:cloudfront/distribution:Distribution#defaultCacheBehavior.functionAssociations[].eventType":
    cloudFront.EventType,
  "aws:cloudfront/distribution:Distribution#httpVersion": cloudFront.HttpVersion,
  "aws:cloudfront/distribution:Distribution#priceClass": cloudFront.PriceClass,
  "aws:cloudfront/distribution:Distribution#restrictions.geoRestriction.restrictionType":
    cloudFront.GeoRestrictionType,
  "aws:cloudfront/distribution:Distribution#viewerCertificate.minimumProtocolVersion":
    cloudFront.MinimumProtocolVersion,
  "aws:cloudfront/distribution:Distribution#viewerCertificate.sslSupportMethod": cloudFront.SSLSupportMethod,
  "aws:cloudfront/function:Function#runtime": cloudFront.FunctionRuntime,
  "aws:cloudfront/originAccessControl:OriginAccessControl#originAccessControlOriginType":
    cloudFront.OriginAccessControlOriginTypes,
  "aws:cloudfront/originAccessControl:OriginAccessControl#signingBehavior":
    cloudFront.OriginAccessControlSigningBehaviors,
  "aws:cloudfront/originAccessControl:OriginAccessControl#signingProtocol":
    cloudFront.OriginAccessControlSigningProtocols,
  "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy#securityHeadersConfig.frameOptions.frameOption":
    cloudFront.FrameOptionsList,
  "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy#securityHeadersConfig.referrerPolicy.referrerPolicy":
    cloudFront.ReferrerPolicyList,
  "aws:cloudwatch/metricAlarm:MetricAlarm#comparisonOperator": cloudWatch.ComparisonOperator,
  "aws:cloudwatch/metricAlarm:MetricAlarm#statistic": cloudWatch.Statistic,
  "aws:dynamodb/table:Table#attributes[].type": dynamo.ScalarAttributeType,
  "aws:dynamodb/table:Table#billingMode": dynamo.BillingMode,
  "aws:dynamodb/table:Table#globalSecondaryIndexes[].projectionType": dynamo.ProjectionType,
  "aws:dynamodb/table:Table#localSecondaryIndexes[].projectionType": dynamo.ProjectionType,
  "aws:ec2/vpcEndpoint:VpcEndpoint#vpcEndpointType": ec2.VpcEndpointType,
  "aws:elasticache/user:User#authenticationMode.type": elastiCache.InputAuthenticationType,
  "aws:lambda/function:Function#architectures[]": lambda.Architecture,
  "aws:lambda/function:Function#loggingConfig.logFormat": lambda.LogFormat,
  "aws:lambda/function:Function#tracingConfig.mode": lambda.TracingMode,
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration#rules[].status": s3.ExpirationStatus,
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls#rule.objectOwnership": s3.ObjectOwnership,
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration#rules[].applyServerSideEncryptionByDefault.sseAlgorithm":
    s3.ServerSideEncryption,
  "aws:s3/bucketVersioning:BucketVersioning#versioningConfiguration.status": s3.BucketVersioningStatus,
};

/** Values that AWS's models call text as well, or whose client is no dependency here: AWS's documentation has them. */
const DOCUMENTED = [
  "aws:apigatewayv2/integration:Integration#payloadFormatVersion",
  "aws:cloudwatch/logGroup:LogGroup#retentionInDays",
  "aws:cloudwatch/metricAlarm:MetricAlarm#treatMissingData",
  "aws:elasticache/user:User#engine",
  "aws:sns/topicSubscription:TopicSubscription#protocol",
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule#ipProtocol",
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule#ipProtocol",
  "aws:wafv2/webAcl:WebAcl#rules[].statement.rateBasedStatement.aggregateKeyType",
  "aws:wafv2/webAcl:WebAcl#rules[].statement.rateBasedStatement.evaluationWindowSec",
  "aws:wafv2/webAcl:WebAcl#scope",
];

test("every value that is allowed is one that AWS knows", () => {
  const unexplained = Object.keys(ALLOWED_VALUES).filter(
    (key) => !(key in ENUMS) && !DOCUMENTED.includes(key),
  );
  expect(unexplained).toEqual([]);
  for (const [property, known] of Object.entries(ENUMS)) {
    const invented = (ALLOWED_VALUES[property] ?? []).filter(
      (value) => !Object.values(known).includes(value),
    );
    expect({ property, invented }).toEqual({ property, invented: [] });
  }
});

test("every property whose values are listed is one that there is: a slip of the pen would check nothing", () => {
  const schema = schemaOf(Object.keys(RESOURCE_TYPES));
  for (const key of Object.keys(ALLOWED_VALUES)) {
    expect({ key, kind: shapeAt(schema, key)?.kind }).toEqual({
      key,
      kind: expect.stringMatching(/^(string|number)$/) as string,
    });
  }
});

/** What stands at `<type>#<path>`; undefined when nothing does. */
function shapeAt(schema: ProviderSchema, key: string): Shape | undefined {
  const [type = "", path = ""] = key.split("#");
  let properties = schema.resources[type];
  let shape: Shape | undefined;
  for (const part of path.split(".")) {
    shape = properties?.[part.replace("[]", "")]?.shape;
    if (part.endsWith("[]")) shape = shape?.kind === "array" ? shape.of : undefined;
    properties = shape?.kind === "object" ? schema.objects[shape.name] : undefined;
  }
  return shape;
}
