import { CreatePolicyCommand, CreateRoleCommand, IAMClient, PutRolePolicyCommand } from "@aws-sdk/client-iam";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { placeOf } from "../../infra/components/aws/place.ts";
import { deployerDocuments } from "../../infra/deployer/documents.ts";
import type { Aws } from "./aws.ts";

const ACCOUNT = "123456789012";
const ROLE = "deployer";

/** Whoever deploys the stack `test` of infra/: a role with the policies that infra/deployer prints, and no right beyond them. */
export interface Deployer {
  /** Name of the policy that no role of the stack can exceed. */
  boundary: string;
  /** Credentials, for AWS clients that take their settings from the environment. */
  env: Record<string, string>;
  /** Takes one right away, such as `lambda:UpdateAlias`, whose policy names it as it is here. */
  forbid(right: string): Promise<void>;
  /** Gives all rights back. */
  allowAll(): Promise<void>;
}

/** Makes the role and assumes it. `network`: with what a stack that has a network needs, too. */
export async function makeDeployer(
  aws: Aws,
  region: string,
  { network = false }: { network?: boolean } = {},
): Promise<Deployer> {
  const boundary = "strategy-desk-test-boundary";
  const settings = {
    endpoint: aws.url,
    region,
    credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
  };
  const place = placeOf({ environment: "test", region, accountId: ACCOUNT, owner: "", keepsData: true });
  const documents = deployerDocuments({
    ...place,
    boundaryArn: `arn:aws:iam::${ACCOUNT}:policy/${boundary}`,
  });
  const { boundary: limit, network: ofNetwork, ...others } = documents;
  const given = network ? { ...others, network: ofNetwork } : others;
  const iam = new IAMClient(settings);
  await iam.send(new CreatePolicyCommand({ PolicyName: boundary, PolicyDocument: JSON.stringify(limit) }));
  const trusted = { Effect: "Allow", Principal: { AWS: ACCOUNT }, Action: "sts:AssumeRole" };
  const { Role } = await iam.send(
    new CreateRoleCommand({
      RoleName: ROLE,
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trusted] }),
    }),
  );
  const put = (PolicyName: string, PolicyDocument: string) =>
    iam.send(new PutRolePolicyCommand({ RoleName: ROLE, PolicyName, PolicyDocument }));
  const allowAll = async (): Promise<void> => {
    for (const [name, document] of Object.entries(given)) await put(name, JSON.stringify(document));
  };
  await allowAll();
  const { Credentials } = await new STSClient(settings).send(
    new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "slipway" }),
  );
  return {
    boundary,
    env: {
      AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId ?? "",
      AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey ?? "",
      AWS_SESSION_TOKEN: Credentials?.SessionToken ?? "",
    },
    forbid: async (right) => {
      const named = JSON.stringify(right);
      const holders = Object.entries(given).filter(([, document]) =>
        JSON.stringify(document).includes(named),
      );
      if (holders.length === 0) throw new Error(`no policy names ${right}`);
      for (const [name, document] of holders) {
        await put(name, JSON.stringify(document).replaceAll(named, '"nothing:AtAll"'));
      }
    },
    allowAll,
  };
}
