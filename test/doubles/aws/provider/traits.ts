/** What is known of a type without asking AWS: so much is needed for a preview. */
export interface Traits {
  /** File of `services/` that acts on it. */
  service:
    | "s3"
    | "iam"
    | "lambda"
    | "apigatewayv2"
    | "cloudfront"
    | "dns"
    | "data"
    | "keys"
    | "messaging"
    | "monitoring"
    | "network"
    | "cache"
    | "influx"
    | "firewall";
  /** Inputs in which a change means a new resource. */
  replacedBy: readonly string[];
  /** Input that names it: the provider makes one up when it is left out, and deletes before it makes anew when it is given. */
  named?: string;
  /** What the provider fills in. */
  defaults?: Readonly<Record<string, unknown>>;
  /** Outputs that an update by these inputs makes unknown before it happens. */
  recomputed?: (changed: ReadonlySet<string>) => readonly string[];
  /** What AWS adds inside of an input, which is not known before there is the resource. */
  within?: Readonly<Record<string, readonly string[]>>;
}

const ofVersion = ["version", "qualifiedArn", "qualifiedInvokeArn", "lastModified"];
const ofCode = ["codeSha256", "sourceCodeSize"];

/** A publishing update makes a version whose number nobody knows before. */
function afterFunctionUpdate(changed: ReadonlySet<string>): readonly string[] {
  const shape = [...changed].filter((name) => !name.startsWith("tags") && name !== "publish");
  if (shape.length === 0) return [];
  const code = shape.some((name) => ["code", "s3Bucket", "s3Key", "s3ObjectVersion"].includes(name));
  return code ? [...ofVersion, ...ofCode] : ofVersion;
}

/** From the provider's documentation: which changes force a new resource. */
export const TRAITS: Readonly<Record<string, Traits>> = {
  "aws:acm/certificate:Certificate": {
    service: "dns",
    replacedBy: ["domainName", "subjectAlternativeNames", "validationMethod", "region"],
  },
  "aws:acm/certificateValidation:CertificateValidation": {
    service: "dns",
    replacedBy: ["certificateArn", "validationRecordFqdns", "region"],
  },
  "aws:apigatewayv2/api:Api": { service: "apigatewayv2", named: "name", replacedBy: ["protocolType"] },
  "aws:apigatewayv2/apiMapping:ApiMapping": {
    service: "apigatewayv2",
    // The domain alone forces it at AWS; moto cannot change the others in place.
    replacedBy: ["apiId", "domainName", "stage", "apiMappingKey"],
  },
  "aws:apigatewayv2/domainName:DomainName": {
    service: "apigatewayv2",
    named: "domainName",
    replacedBy: ["domainName", "domainNameConfiguration"],
    within: { domainNameConfiguration: ["targetDomainName", "hostedZoneId"] },
  },
  "aws:apigatewayv2/integration:Integration": {
    service: "apigatewayv2",
    replacedBy: ["apiId", "integrationType"],
  },
  "aws:apigatewayv2/route:Route": { service: "apigatewayv2", replacedBy: ["apiId"] },
  "aws:apigatewayv2/stage:Stage": { service: "apigatewayv2", named: "name", replacedBy: ["apiId", "name"] },
  "aws:backup/plan:Plan": { service: "data", named: "name", replacedBy: ["name"] },
  "aws:backup/selection:Selection": {
    service: "data",
    named: "name",
    replacedBy: ["name", "planId", "iamRoleArn", "resources"],
  },
  "aws:backup/vault:Vault": { service: "data", named: "name", replacedBy: ["name", "kmsKeyArn"] },
  "aws:budgets/budget:Budget": { service: "monitoring", named: "name", replacedBy: ["name"] },
  "aws:cloudfront/distribution:Distribution": {
    service: "cloudfront",
    replacedBy: [],
    recomputed: () => ["etag", "lastModifiedTime"],
  },
  "aws:cloudfront/function:Function": {
    service: "cloudfront",
    named: "name",
    replacedBy: ["name"],
    recomputed: () => ["etag", "liveStageEtag"],
  },
  "aws:cloudfront/originAccessControl:OriginAccessControl": {
    service: "cloudfront",
    named: "name",
    replacedBy: ["name"],
    recomputed: () => ["etag"],
  },
  "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy": {
    service: "cloudfront",
    named: "name",
    replacedBy: [],
    recomputed: () => ["etag"],
  },
  "aws:cloudtrail/trail:Trail": { service: "monitoring", named: "name", replacedBy: ["name"] },
  "aws:cloudwatch/dashboard:Dashboard": { service: "monitoring", replacedBy: ["dashboardName"] },
  "aws:cloudwatch/logGroup:LogGroup": { service: "monitoring", named: "name", replacedBy: ["name"] },
  "aws:cloudwatch/logMetricFilter:LogMetricFilter": {
    service: "monitoring",
    named: "name",
    replacedBy: ["name", "logGroupName"],
  },
  "aws:cloudwatch/metricAlarm:MetricAlarm": { service: "monitoring", named: "name", replacedBy: ["name"] },
  "aws:dynamodb/table:Table": {
    service: "data",
    named: "name",
    replacedBy: ["name", "hashKey", "rangeKey", "localSecondaryIndexes"],
  },
  "aws:ec2/eip:Eip": { service: "network", replacedBy: ["domain"] },
  "aws:ec2/internetGateway:InternetGateway": { service: "network", replacedBy: ["vpcId"] },
  "aws:ec2/natGateway:NatGateway": { service: "network", replacedBy: ["allocationId", "subnetId"] },
  "aws:ec2/route:Route": {
    service: "network",
    replacedBy: ["routeTableId", "destinationCidrBlock", "gatewayId", "natGatewayId"],
  },
  "aws:ec2/routeTable:RouteTable": { service: "network", replacedBy: ["vpcId"] },
  "aws:ec2/routeTableAssociation:RouteTableAssociation": {
    service: "network",
    replacedBy: ["routeTableId", "subnetId"],
  },
  "aws:ec2/securityGroup:SecurityGroup": {
    service: "network",
    named: "name",
    replacedBy: ["name", "description", "vpcId"],
  },
  "aws:ec2/subnet:Subnet": { service: "network", replacedBy: ["vpcId", "cidrBlock", "availabilityZone"] },
  "aws:ec2/vpc:Vpc": { service: "network", replacedBy: ["cidrBlock"] },
  "aws:ec2/vpcEndpoint:VpcEndpoint": {
    service: "network",
    replacedBy: [
      "vpcId",
      "serviceName",
      "vpcEndpointType",
      "routeTableIds",
      "subnetIds",
      "securityGroupIds",
      "privateDnsEnabled",
    ],
  },
  "aws:elasticache/replicationGroup:ReplicationGroup": {
    service: "cache",
    named: "replicationGroupId",
    // More than at AWS, which changes most of them in place: moto does not.
    replacedBy: [
      "replicationGroupId",
      "description",
      "engine",
      "engineVersion",
      "nodeType",
      "numCacheClusters",
      "port",
      "subnetGroupName",
      "securityGroupIds",
      "atRestEncryptionEnabled",
      "transitEncryptionEnabled",
      "kmsKeyId",
      "userGroupIds",
      "snapshotRetentionLimit",
      "automaticFailoverEnabled",
      "multiAzEnabled",
    ],
  },
  "aws:elasticache/subnetGroup:SubnetGroup": {
    service: "cache",
    named: "name",
    replacedBy: ["name", "description", "subnetIds"],
  },
  "aws:elasticache/user:User": {
    service: "cache",
    replacedBy: ["userId", "userName", "engine", "accessString", "authenticationMode", "noPasswordRequired"],
  },
  "aws:elasticache/userGroup:UserGroup": {
    service: "cache",
    replacedBy: ["userGroupId", "engine", "userIds"],
  },
  "aws:iam/role:Role": {
    service: "iam",
    named: "name",
    replacedBy: ["name", "path"],
    defaults: { maxSessionDuration: 3600 },
  },
  "aws:iam/rolePolicy:RolePolicy": { service: "iam", named: "name", replacedBy: ["name", "role"] },
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {
    service: "iam",
    replacedBy: ["role", "policyArn"],
  },
  "aws:kms/alias:Alias": { service: "keys", named: "name", replacedBy: ["name"] },
  "aws:kms/key:Key": { service: "keys", replacedBy: [] },
  "aws:lambda/alias:Alias": { service: "lambda", named: "name", replacedBy: ["name", "functionName"] },
  "aws:lambda/function:Function": {
    service: "lambda",
    named: "name",
    replacedBy: ["name", "packageType"],
    recomputed: afterFunctionUpdate,
  },
  "aws:lambda/permission:Permission": {
    service: "lambda",
    replacedBy: ["statementId", "action", "function", "principal", "qualifier", "sourceArn"],
  },
  "aws:route53/record:Record": { service: "dns", replacedBy: ["zoneId", "name", "type"] },
  "aws:route53/zone:Zone": { service: "dns", replacedBy: ["name"] },
  "aws:s3/bucket:Bucket": {
    service: "s3",
    named: "bucket",
    replacedBy: ["bucket"],
    defaults: { forceDestroy: false },
  },
  "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
    service: "s3",
    replacedBy: ["bucket"],
  },
  "aws:s3/bucketOwnershipControls:BucketOwnershipControls": { service: "s3", replacedBy: ["bucket"] },
  "aws:s3/bucketPolicy:BucketPolicy": { service: "s3", replacedBy: ["bucket"] },
  "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": { service: "s3", replacedBy: ["bucket"] },
  "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
    service: "s3",
    replacedBy: ["bucket"],
  },
  "aws:s3/bucketVersioning:BucketVersioning": { service: "s3", replacedBy: ["bucket"] },
  "aws:secretsmanager/secret:Secret": {
    service: "keys",
    named: "name",
    replacedBy: ["name"],
    defaults: { recoveryWindowInDays: 30 },
  },
  "aws:sns/topic:Topic": { service: "messaging", named: "name", replacedBy: ["name"] },
  "aws:sns/topicPolicy:TopicPolicy": { service: "messaging", replacedBy: ["arn"] },
  "aws:sns/topicSubscription:TopicSubscription": {
    service: "messaging",
    replacedBy: ["topic", "protocol", "endpoint"],
  },
  "aws:sqs/queue:Queue": { service: "messaging", named: "name", replacedBy: ["name"] },
  "aws:sqs/queuePolicy:QueuePolicy": { service: "messaging", replacedBy: ["queueUrl"] },
  "aws:timestreaminfluxdb/dbInstance:DbInstance": {
    service: "influx",
    named: "name",
    // All but size and kind of the machine: another of these is another database.
    replacedBy: [
      "name",
      "organization",
      "bucket",
      "username",
      "password",
      "publiclyAccessible",
      "vpcSubnetIds",
      "vpcSecurityGroupIds",
    ],
  },
  "aws:timestreamwrite/database:Database": { service: "data", replacedBy: ["databaseName"] },
  "aws:timestreamwrite/table:Table": { service: "data", replacedBy: ["databaseName", "tableName"] },
  "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {
    service: "network",
    replacedBy: [
      "securityGroupId",
      "description",
      "ipProtocol",
      "fromPort",
      "toPort",
      "cidrIpv4",
      "prefixListId",
      "referencedSecurityGroupId",
    ],
  },
  "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
    service: "network",
    replacedBy: [
      "securityGroupId",
      "description",
      "ipProtocol",
      "fromPort",
      "toPort",
      "cidrIpv4",
      "referencedSecurityGroupId",
    ],
  },
  "aws:wafv2/webAcl:WebAcl": {
    service: "firewall",
    named: "name",
    replacedBy: ["name", "scope", "region"],
    recomputed: () => ["lockToken", "capacity"],
  },
};
