import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import type { SecretSlot } from "../../../automation/src/contract/aws/secret-slots.ts";
import { nameOf, type Place } from "./place.ts";

export interface SecretSlotsArgs<Name extends string> {
  place: Place;
  kmsKeyArn: pulumi.Input<string>;
  slots: readonly (SecretSlot & { name: Name })[];
  /** Days that a deleted secret can still be restored: 7 to 30. Default: 30. */
  recoveryDays?: number;
}

const HOLDS = {
  exchange: "key pair of the exchange",
  ai: "key of the provider of models",
  store: "token of the data store",
} as const satisfies Record<SecretSlot["kind"], string>;

/** Empty secrets, which people fill with `slipway secrets populate`: no value passes through the program or its state. */
export class SecretSlots<Name extends string> extends pulumi.ComponentResource {
  readonly arns: ReadonlyMap<Name, pulumi.Output<string>>;

  constructor(name: string, args: SecretSlotsArgs<Name>, options?: pulumi.ComponentResourceOptions) {
    super("slipway:aws:SecretSlots", name, {}, options);
    const { place, recoveryDays = 30 } = args;
    this.arns = new Map(
      args.slots.map((slot) => [
        slot.name,
        new aws.secretsmanager.Secret(
          slot.name,
          {
            name: nameOf(place, `secret/${slot.name}`),
            description: `${slot.title}: ${HOLDS[slot.kind]}`,
            kmsKeyId: args.kmsKeyArn,
            // 0: gone at once, so that a stack that is taken down can be made again under the same names.
            recoveryWindowInDays: place.keepsData ? recoveryDays : 0,
            tags: place.tags,
          },
          { parent: this, protect: place.keepsData },
        ).arn,
      ]),
    );
    this.registerOutputs({});
  }

  /** ARN of a slot's secret. Throws when there is no such slot. */
  arnOf(slot: Name): pulumi.Output<string> {
    const arn = this.arns.get(slot);
    if (arn === undefined) throw new Error(`There is no secret slot ${slot}.`);
    return arn;
  }
}
