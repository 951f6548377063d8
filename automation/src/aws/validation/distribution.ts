import { CloudFrontClient, type Distribution, GetDistributionCommand } from "@aws-sdk/client-cloudfront";
import { type Scope, withClient } from "./scope.ts";

/** The distribution that the manifest names, as CloudFront has it now. Throws CloudFront's own error when there is none. */
export function distributionOf(scope: Scope): Promise<Distribution | undefined> {
  return withClient(
    scope,
    (settings) => new CloudFrontClient(settings),
    async (client, options) => {
      const Id = scope.manifest.site.distributionId;
      return (await client.send(new GetDistributionCommand({ Id }), options)).Distribution;
    },
  );
}
