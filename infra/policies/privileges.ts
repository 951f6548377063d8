import { z } from "zod";
import { at, type Props, type Rule, resourcePolicy } from "./rule.ts";

const OneOrMore = z.union([z.string(), z.array(z.string())]).transform((given) => [given].flat());

const Statement = z.looseObject({
  Sid: z.string().default("without a name"),
  Effect: z.enum(["Allow", "Deny"]),
  Principal: z.union([z.string(), z.record(z.string(), OneOrMore)]).optional(),
  Action: OneOrMore.default([]),
  NotAction: OneOrMore.optional(),
  Resource: OneOrMore.default([]),
  NotResource: OneOrMore.optional(),
  Condition: z.record(z.string(), z.record(z.string(), OneOrMore)).optional(),
});
type Statement = z.infer<typeof Statement>;

const PolicyDocument = z.looseObject({
  Statement: z.union([Statement, z.array(Statement)]).transform((given) => [given].flat()),
});

/** Actions for which AWS knows no resource, or that only look: nothing narrower could be written. */
const WITHOUT_RESOURCE = [
  /^xray:(Put|BatchGet)/,
  /^ec2:(Describe|CreateNetworkInterface$|DeleteNetworkInterface$|AssignPrivateIpAddresses$|UnassignPrivateIpAddresses$)/,
  /^timestream:DescribeEndpoints$/,
  // What the stage of an API needs for its access logs.
  /^logs:((Create|Update|Delete)LogDelivery|PutResourcePolicy)$/,
  /^[a-z0-9-]+:(List|Describe|Get)[A-Za-z]*\*?$/,
];

/** Actions that look like looking and read data. */
const READS_DATA =
  /^(secretsmanager:(Get(SecretValue)?|BatchGet\w*)\*?|(s3|dynamodb|kinesis|sqs):(Get(Object|Item|Records)?|BatchGet\w*)\*?|ssm:GetParameters?(ByPath|s)?\*?)$/;

/** Roles that a role must not be given whole. */
const TOO_MUCH = /\/(AdministratorAccess|PowerUserAccess|IAMFullAccess)$/;

/** What is too wide in a policy of a role or a person. */
export function privilegeProblems(json: string): string[] {
  return statementsOf(json).flatMap((statement) => {
    if (statement.Effect === "Deny") return [];
    const { Sid, Action, NotAction, Resource, NotResource, Condition } = statement;
    const problems: string[] = [];
    const say = (what: string) => problems.push(`the statement ${Sid} ${what}`);
    if (NotAction !== undefined || NotResource !== undefined) say("allows all but something");
    for (const action of Action) {
      if (action === "*" || action.endsWith(":*")) say(`allows everything of ${action}`);
    }
    if (Resource.includes("*")) {
      const wide = Action.filter((action) => !isHarmlessEverywhere(action) && !isNarrowed(Condition));
      if (wide.length > 0) say(`allows ${wide.join(", ")} on everything`);
    }
    if (Action.includes("iam:PassRole") && Condition?.StringEquals?.["iam:PassedToService"] === undefined) {
      say("lets pass roles to any service: iam:PassedToService is missing");
    }
    if (makesRoles(Action) && Condition?.StringEquals?.["iam:PermissionsBoundary"] === undefined) {
      say("lets make roles without a boundary: iam:PermissionsBoundary is missing");
    }
    return problems;
  });
}

function isHarmlessEverywhere(action: string): boolean {
  return !READS_DATA.test(action) && WITHOUT_RESOURCE.some((known) => known.test(action));
}

/** Whoever could do one of these without a boundary could give themselves everything. */
function makesRoles(actions: readonly string[]): boolean {
  const making = [
    "iam:CreateRole",
    "iam:PutRolePolicy",
    "iam:AttachRolePolicy",
    "iam:PutRolePermissionsBoundary",
  ];
  return actions.some((action) => making.includes(action));
}

/** A condition on tags or on the region narrows what an action reaches. */
function isNarrowed(condition: Statement["Condition"]): boolean {
  const keys = Object.values(condition ?? {}).flatMap((tests) => Object.keys(tests));
  return keys.some((key) => /^(aws:(RequestTag|ResourceTag)\/|aws:SourceAccount$|kms:ViaService$)/.test(key));
}

/** What is too wide in a policy of a bucket, queue, topic or key, or in who may take on a role. */
function principalProblems(json: string): string[] {
  return statementsOf(json).flatMap(({ Sid, Effect, Principal, Condition }) => {
    if (Effect === "Deny" || Principal === undefined) return [];
    const whom = typeof Principal === "string" ? [Principal] : Object.values(Principal).flat();
    const problems = whom.includes("*") ? [`the statement ${Sid} allows it to everybody`] : [];
    const services = typeof Principal === "string" ? [] : (Principal.Service ?? []);
    // A service acts for whoever asks it: without a condition also for another account.
    if (services.length > 0 && Condition === undefined) {
      problems.push(`the statement ${Sid} allows ${services.join(", ")} it on behalf of any account`);
    }
    return problems;
  });
}

function statementsOf(json: string): Statement[] {
  return PolicyDocument.parse(JSON.parse(json)).Statement;
}

const RESOURCE_POLICIES = new Set([
  "aws:kms/key:Key",
  "aws:s3/bucketPolicy:BucketPolicy",
  "aws:sns/topicPolicy:TopicPolicy",
  "aws:sqs/queuePolicy:QueuePolicy",
  "aws:secretsmanager/secretPolicy:SecretPolicy",
]);

const rule: Rule = ({ type, props }) => {
  if (RESOURCE_POLICIES.has(type)) return principalProblems(textAt(props, "policy"));
  switch (type) {
    case "aws:iam/role:Role":
      return principalProblems(textAt(props, "assumeRolePolicy"));
    case "aws:iam/rolePolicy:RolePolicy":
    case "aws:iam/policy:Policy":
    case "aws:iam/userPolicy:UserPolicy":
      return privilegeProblems(textAt(props, "policy"));
    case "aws:iam/rolePolicyAttachment:RolePolicyAttachment":
      return TOO_MUCH.test(textAt(props, "policyArn")) ? ["must not be given the whole account"] : [];
    case "aws:iam/user:User":
      return ["people and services have roles, not users"];
    default:
      return [];
  }
};

/** The JSON of a policy, whether it is given as text or as an object. */
function textAt(props: Props, key: string): string {
  const value = at(props, key);
  return typeof value === "string" ? value : JSON.stringify(value ?? { Statement: [] });
}

export const leastPrivilege = resourcePolicy(
  "least-privilege",
  "Nobody may do more than they need: no wildcards, no roles for other accounts, no way to more rights.",
  rule,
);
