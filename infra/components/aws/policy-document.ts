import pulumi from "@pulumi/pulumi";

type OneOrMore = pulumi.Input<string> | readonly pulumi.Input<string>[];

/** A statement of an IAM policy, in the words of its JSON. */
export interface Statement {
  Sid: string;
  Effect: "Allow" | "Deny";
  Principal?: "*" | Readonly<Record<string, OneOrMore>>;
  Action: OneOrMore;
  Resource?: OneOrMore;
  Condition?: Readonly<Record<string, Readonly<Record<string, OneOrMore>>>>;
}

/** The JSON of a policy: of a role, a bucket, a queue, a topic or a key. */
export function policyDocument(statements: readonly Statement[]): pulumi.Output<string> {
  return pulumi.jsonStringify({ Version: "2012-10-17", Statement: statements });
}
