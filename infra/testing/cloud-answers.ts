/** Where the tests' stacks are. */
export const ACCOUNT_ID = "111122223333";
export const REGION = "eu-central-1";

type Values = Readonly<Record<string, unknown>>;

const text = (value: unknown): string => String(value);
const arn = (service: string, resource: string): { arn: string } => ({
  arn: `arn:aws:${service}:${REGION}:${ACCOUNT_ID}:${resource}`,
});

/** What AWS adds to the inputs of a resource, for those whose additions the program reads. */
const ADDED: Readonly<Record<string, (inputs: Values) => Values>> = {
  "aws:acm/certificate:Certificate": ({ domainName, region }) => ({
    arn: `arn:aws:acm:${text(region)}:${ACCOUNT_ID}:certificate/${text(domainName)}`,
    domainValidationOptions: [
      {
        domainName,
        resourceRecordName: `_proof.${text(domainName)}`,
        resourceRecordType: "CNAME",
        resourceRecordValue: "_proof.acm-validations.aws",
      },
    ],
  }),
  "aws:apigatewayv2/api:Api": () => ({
    apiEndpoint: `https://api1.execute-api.${REGION}.amazonaws.com`,
    executionArn: `arn:aws:execute-api:${REGION}:${ACCOUNT_ID}:api1`,
  }),
  "aws:apigatewayv2/domainName:DomainName": ({ domainNameConfiguration }) => ({
    domainNameConfiguration: {
      ...(domainNameConfiguration as Values),
      targetDomainName: `d-api.execute-api.${REGION}.amazonaws.com`,
      hostedZoneId: "ZAPI",
    },
  }),
  "aws:cloudfront/distribution:Distribution": () => ({
    arn: `arn:aws:cloudfront::${ACCOUNT_ID}:distribution/E1`,
    domainName: "d1.cloudfront.net",
    hostedZoneId: "ZCDN",
  }),
  "aws:cloudfront/function:Function": ({ name }) => ({
    arn: `arn:aws:cloudfront::${ACCOUNT_ID}:function/${text(name)}`,
  }),
  "aws:cloudwatch/logGroup:LogGroup": ({ name }) => arn("logs", `log-group:${text(name)}`),
  "aws:dynamodb/table:Table": ({ name }) => arn("dynamodb", `table/${text(name)}`),
  "aws:ec2/eip:Eip": () => ({ allocationId: "eipalloc-1" }),
  "aws:ec2/vpcEndpoint:VpcEndpoint": () => ({ prefixListId: "pl-1" }),
  "aws:elasticache/replicationGroup:ReplicationGroup": () => ({ primaryEndpointAddress: "cache.internal" }),
  "aws:iam/role:Role": ({ name }) => ({ arn: `arn:aws:iam::${ACCOUNT_ID}:role/${text(name)}` }),
  "aws:kms/key:Key": () => ({ keyId: "key-1", ...arn("kms", "key/key-1") }),
  "aws:lambda/alias:Alias": ({ functionName, name }) => ({
    invokeArn: `arn:aws:apigateway:${REGION}:lambda:path/${text(functionName)}:${text(name)}/invocations`,
  }),
  "aws:lambda/function:Function": ({ name }) => ({
    ...arn("lambda", `function:${text(name)}`),
    version: "1",
  }),
  "aws:route53/record:Record": ({ name }) => ({ fqdn: name }),
  "aws:route53/zone:Zone": () => ({ zoneId: "ZMADE" }),
  "aws:s3/bucket:Bucket": ({ bucket }) => ({
    arn: `arn:aws:s3:::${text(bucket)}`,
    bucketRegionalDomainName: `${text(bucket)}.s3.${REGION}.amazonaws.com`,
  }),
  "aws:secretsmanager/secret:Secret": ({ name }) => arn("secretsmanager", `secret:${text(name)}`),
  "aws:sns/topic:Topic": ({ name }) => arn("sns", text(name)),
  "aws:sqs/queue:Queue": ({ name }) => ({
    ...arn("sqs", text(name)),
    url: `https://sqs.${REGION}.amazonaws.com/${ACCOUNT_ID}/${text(name)}`,
  }),
  "aws:timestreaminfluxdb/dbInstance:DbInstance": () => ({ endpoint: "influx.internal" }),
  "aws:wafv2/webAcl:WebAcl": ({ name, region }) => ({
    arn: `arn:aws:wafv2:${text(region)}:${ACCOUNT_ID}:global/webacl/${text(name)}/1`,
  }),
};

/** State of a resource that was made from these inputs. */
export function stateOf(type: string, inputs: Values): Values {
  return { ...inputs, ...ADDED[type]?.(inputs) };
}

const ANSWERS: Readonly<Record<string, Values>> = {
  "aws:index/getCallerIdentity:getCallerIdentity": { accountId: ACCOUNT_ID, id: ACCOUNT_ID },
  "aws:route53/getZone:getZone": { zoneId: "ZFOUND", id: "ZFOUND" },
};

/** What a function of the provider answers. Throws for one that is not known here. */
export function answerOf(token: string): Values {
  const answer = ANSWERS[token];
  if (answer === undefined) throw new Error(`The tests have no answer for ${token}.`);
  return answer;
}
