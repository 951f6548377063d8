/** Where a stack's resources are and what they have in common: the one place that makes names and tags. */
export interface Place {
  /** Of all physical names, such as `strategy-desk-test`: two stacks in one account must differ in it. */
  prefix: string;
  /** Such as test: a lower-case word. */
  environment: string;
  region: string;
  accountId: string;
  /** `aws`, `aws-cn` or `aws-us-gov`: the second part of every ARN. */
  partition: string;
  /** On everything that can be tagged. */
  tags: Readonly<Record<string, string>>;
  /** Policy that no role of the stack can exceed, whatever its own policies say; who deploys may make roles with it alone. */
  boundaryArn: string | undefined;
  /** False while a stack is being taken down: then nothing is protected from deletion. */
  keepsData: boolean;
}

const SYSTEM = "strategy-desk";

/** The bucket of packages, as `globalNameOf` names it: no other has a longer name. */
export const ARTIFACTS = "artifacts";

/** The place of a stack. `owner` is whom to ask about a resource that is found in the account. */
export function placeOf(where: {
  environment: string;
  region: string;
  accountId: string;
  owner: string;
  keepsData: boolean;
  /** Name of the boundary of all roles, when there is one in the account. */
  boundary?: string | undefined;
}): Place {
  const { environment, region, accountId, owner, keepsData, boundary } = where;
  const partition = partitionOf(region);
  return {
    prefix: `${SYSTEM}-${environment}`,
    environment,
    region,
    accountId,
    partition,
    boundaryArn: boundary === undefined ? undefined : `arn:${partition}:iam::${accountId}:policy/${boundary}`,
    keepsData,
    tags: {
      system: SYSTEM,
      environment,
      owner,
      "managed-by": "pulumi",
      // Policies let go of protection by this tag, so that a reviewer sees it in the preview of every resource.
      ...(keepsData ? {} : { retiring: "true" }),
    },
  };
}

/** Name of a resource that is unique in its account and region. */
export function nameOf(place: Place, part: string): string {
  return `${place.prefix}-${part}`;
}

/** Name of a resource that is unique in the world: buckets. */
export function globalNameOf(place: Place, part: string): string {
  return `${place.prefix}-${part}-${place.accountId}-${place.region}`;
}

/** ARN of something in this account and region. */
export function arnOf(place: Place, service: string, resource: string): string {
  return `arn:${place.partition}:${service}:${place.region}:${place.accountId}:${resource}`;
}

function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}
