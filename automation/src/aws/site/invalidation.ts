import { CreateInvalidationCommand, GetInvalidationCommand } from "@aws-sdk/client-cloudfront";
import { SlipwayError } from "../../errors.ts";
import { ask, type Shipping } from "../shipping.ts";
import { waitUntil } from "../wait-until.ts";

const COMPLETED = "completed";

/** Has every cache of the distribution forget the site. `reference`: asked for twice by the same one, it is made once. Answers its id. */
export async function invalidate(shipping: Shipping, reference: string): Promise<string> {
  const { distributionId } = shipping.manifest.site;
  const made = await ask(
    shipping,
    { operation: "cloudfront:CreateInvalidation", resource: `distribution ${distributionId}` },
    (options) =>
      shipping.cloudFront.send(
        new CreateInvalidationCommand({
          DistributionId: distributionId,
          InvalidationBatch: { CallerReference: reference, Paths: { Quantity: 1, Items: ["/*"] } },
        }),
        options,
      ),
  );
  return made.Invalidation?.Id ?? "";
}

/** Waits until no cache serves what was there before. Throws `invalidation_unfinished` when that takes longer than the limit. */
export async function whenInvalidated(shipping: Shipping, id: string): Promise<void> {
  const { distributionId } = shipping.manifest.site;
  const { invalidationSeconds, invalidationPollSeconds } = shipping.limits;
  await waitUntil(
    { limitSeconds: invalidationSeconds, everySeconds: invalidationPollSeconds, signal: shipping.signal },
    async () => {
      const seen = await ask(
        shipping,
        { operation: "cloudfront:GetInvalidation", resource: `invalidation ${id}` },
        (options) =>
          shipping.cloudFront.send(
            new GetInvalidationCommand({ DistributionId: distributionId, Id: id }),
            options,
          ),
      );
      // Compared without case: other than CloudFront, some private endpoints answer in capitals.
      return seen.Invalidation?.Status?.toLowerCase() === COMPLETED ? true : undefined;
    },
    () =>
      new SlipwayError(
        "invalidation_unfinished",
        `The invalidation ${id} of distribution ${distributionId} was not done within ${invalidationSeconds} seconds.`,
        { remedy: "Look at the distribution's health in AWS, then deploy again." },
      ),
  );
}
