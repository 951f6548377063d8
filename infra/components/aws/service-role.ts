import aws from "@pulumi/aws";
import type pulumi from "@pulumi/pulumi";
import { nameOf, type Place } from "./place.ts";
import { policyDocument } from "./policy-document.ts";

/** A role that one service of AWS takes on, for resources of this account alone: another account's must not make the service act with it. */
export function serviceRole(
  name: string,
  args: { place: Place; service: `${string}.amazonaws.com` },
  options: pulumi.CustomResourceOptions,
): aws.iam.Role {
  const { place, service } = args;
  return new aws.iam.Role(
    name,
    {
      name: nameOf(place, name),
      assumeRolePolicy: policyDocument([
        {
          Sid: "Assume",
          Effect: "Allow",
          Principal: { Service: service },
          Action: "sts:AssumeRole",
          Condition: { StringEquals: { "aws:SourceAccount": place.accountId } },
        },
      ]),
      ...(place.boundaryArn === undefined ? {} : { permissionsBoundary: place.boundaryArn }),
      tags: place.tags,
    },
    options,
  );
}
