import { at, listAt, type Rule, resourcePolicy } from "./rule.ts";

const EVERYWHERE = new Set(["0.0.0.0/0", "::/0"]);

const rule: Rule = ({ type, props }) => {
  switch (type) {
    case "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":
      return [at(props, "cidrIpv4"), at(props, "cidrIpv6")].some(isEverywhere)
        ? ["must not let in everybody"]
        : [];
    case "aws:ec2/securityGroup:SecurityGroup":
      return listAt(props, "ingress").length > 0
        ? ["rules stand by themselves, where a policy can look at each"]
        : [];
    case "aws:ec2/subnet:Subnet":
      return at(props, "mapPublicIpOnLaunch") === true ? ["must not give out public addresses"] : [];
    case "aws:lambda/functionUrl:FunctionUrl":
      return at(props, "authorizationType") === "AWS_IAM" ? [] : ["must ask who is there (AWS_IAM)"];
    case "aws:rds/instance:Instance":
    case "aws:timestreaminfluxdb/dbInstance:DbInstance":
      return at(props, "publiclyAccessible") === true ? ["must not be reached from outside"] : [];
    default:
      return [];
  }
};

function isEverywhere(cidr: unknown): boolean {
  return typeof cidr === "string" && EVERYWHERE.has(cidr);
}

export const privateNetwork = resourcePolicy(
  "no-public-network",
  "Nothing but the API and the site is reached from outside.",
  rule,
);
