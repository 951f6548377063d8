import aws from "@pulumi/aws";
import pulumi from "@pulumi/pulumi";
import type { Place } from "./place.ts";

/** ARN of a certificate that is issued: whoever uses it waits until Route 53 has proved who owns the domain. `region`: CloudFront takes certificates of us-east-1 alone. Default: the stack's. */
export function issuedCertificate(
  name: string,
  args: { place: Place; domain: string; zoneId: pulumi.Input<string>; region?: string },
  options: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const { place, domain, zoneId, region = place.region } = args;
  const certificate = new aws.acm.Certificate(
    name,
    { domainName: domain, validationMethod: "DNS", region, tags: place.tags },
    options,
  );
  const asked = certificate.domainValidationOptions.apply(([first]) => {
    if (first === undefined) throw new pulumi.RunError(`ACM asks for no proof of ${domain}.`);
    return first;
  });
  const proof = new aws.route53.Record(
    `${name}-proof`,
    {
      zoneId,
      name: asked.resourceRecordName,
      type: asked.resourceRecordType,
      records: [asked.resourceRecordValue],
      ttl: 300,
      // Certificates of one domain in two regions ask for the same record.
      allowOverwrite: true,
    },
    options,
  );
  const issued = new aws.acm.CertificateValidation(
    name,
    { certificateArn: certificate.arn, validationRecordFqdns: [proof.fqdn], region },
    options,
  );
  return issued.certificateArn;
}
