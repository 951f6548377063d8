import { at, type Props, type Rule, resourcePolicy } from "./rule.ts";

/** Resources whose very input is a secret value. */
const BANNED: Readonly<Record<string, string>> = {
  "aws:secretsmanager/secretVersion:SecretVersion":
    "values of secrets do not pass through the state: slipway secrets populate writes them",
  "aws:iam/accessKey:AccessKey": "keys do not pass through the state: services have roles",
  "aws:ssm/parameter:Parameter": "values of secrets belong in Secrets Manager",
};

/** Properties that would hold one, write-only ones too: their first value stands in the state. */
const VALUE_PROPERTIES = [
  "secretString",
  "secretStringWo",
  "secretBinary",
  "authToken",
  "authTokenWo",
  "passwords",
];

/** What a key of an account or a private key looks like. */
const LOOKS_SECRET = /\b(AKIA|ASIA)[0-9A-Z]{16}\b|-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** Names of variables that hold secrets, unless they say where one is. */
const SECRET_NAME = /SECRET|PASSWORD|PASSWD|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL/i;
const HARMLESS_NAME = /_ARN_|_ARN$|_EPOCH$/;

const rule: Rule = ({ type, props }) => {
  const banned = BANNED[type];
  if (banned !== undefined) return [banned];
  const problems = VALUE_PROPERTIES.filter((name) => Object.hasOwn(props, name)).map(
    (name) => `${name} would put a value into the state`,
  );
  if (type === "aws:elasticache/user:User" && at(props, "authenticationMode.type") === "password") {
    problems.push("users of the cache sign in by a role, not by a password");
  }
  if (type === "aws:lambda/function:Function") problems.push(...variableProblems(props));
  return problems;
};

function variableProblems(props: Props): string[] {
  const variables = at(props, "environment.variables");
  if (typeof variables !== "object" || variables === null) return [];
  const names = Object.keys(variables);
  const suspicious = names
    .filter((name) => SECRET_NAME.test(name) && !HARMLESS_NAME.test(name))
    .map((name) => `the variable ${name} must be the ARN of a secret, named so`);
  const values = names
    .filter((name) => {
      const value = Object.getOwnPropertyDescriptor(variables, name)?.value as unknown;
      return typeof value === "string" && LOOKS_SECRET.test(value);
    })
    .map((name) => `the variable ${name} holds a key`);
  return [...suspicious, ...values];
}

export const noSecretValues = resourcePolicy(
  "no-secret-values",
  "No value of a secret passes through the program or its state.",
  rule,
);
