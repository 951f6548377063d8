import { ACMClient, DescribeCertificateCommand } from "@aws-sdk/client-acm";
import { ApiGatewayV2Client, GetDomainNameCommand } from "@aws-sdk/client-apigatewayv2";
import { messageOf, SlipwayError, systemCode } from "../../errors.ts";
import {
  handshakeFailure,
  judgeEnd,
  judgeStored,
  judgeUse,
  type StoredCertificate,
} from "./certificate-rules.ts";
import { failed, notApplicable, type PlannedCheck, passed, type Verdict } from "./check.ts";
import { distributionOf } from "./distribution.ts";
import { nothingTo, type Scope, withClient } from "./scope.ts";

/** The certificates are issued, have more than 30 days left, and are those that the distribution and the API really show. */
export function certificateChecks(scope: Scope): readonly PlannedCheck[] {
  const { certificates, site, api } = scope.manifest;
  return [
    ...(certificates.site === null
      ? [nothingTo("site certificate", "the site has no certificate of its own: CloudFront's serves")]
      : [
          stored(scope, "site", certificates.site),
          used("site", "the distribution", certificates.site, () => certificateOfDistribution(scope)),
        ]),
    ...(certificates.api === null
      ? [nothingTo("API certificate", "the API has no certificate of its own: API Gateway's serves")]
      : [
          stored(scope, "API", certificates.api),
          used("API", "the API's domain", certificates.api, () => certificateOfApi(scope)),
        ]),
    handshake(scope, "site", site.url),
    handshake(scope, "API", api.url),
  ];
}

function stored(scope: Scope, whose: string, arn: string): PlannedCheck {
  return {
    check: `${whose} certificate`,
    look: async () => judgeStored(await describe(scope, arn), scope.now()),
  };
}

function used(whose: string, user: string, arn: string, actual: () => Promise<string | null>): PlannedCheck {
  return { check: `${whose} certificate in use`, look: async () => judgeUse(user, arn, await actual()) };
}

/** Connects as a browser does: chain and name are checked by TLS itself, the end here. */
function handshake(scope: Scope, whose: string, url: string): PlannedCheck {
  return { check: `${whose} handshake`, look: () => shake(scope, url) };
}

async function shake(scope: Scope, url: string): Promise<Verdict> {
  if (!url.startsWith("https:")) return failed(`${url} is not reached by HTTPS`);
  try {
    const { certificate } = await scope.request(url, { method: "HEAD" });
    if (certificate === null) return failed("the connection has no certificate");
    const verdict = judgeEnd(certificate.notAfter, scope.now());
    return verdict.state === "passed" ? passed(`${certificate.subject}: ${verdict.detail}`) : verdict;
  } catch (thrown) {
    const code = thrown instanceof SlipwayError ? thrown.code : systemCode(thrown);
    switch (handshakeFailure(code)) {
      case "untrusted":
        return failed(`its certificate is refused: ${messageOf(thrown)}`);
      case "unreachable":
        return notApplicable(`${new URL(url).host} cannot be reached from here: ${messageOf(thrown)}`);
      case "other":
        throw thrown;
    }
  }
}

async function describe(scope: Scope, arn: string): Promise<StoredCertificate> {
  // A distribution's certificate lives in us-east-1 wherever the stack is: the ARN says so.
  const region = arn.split(":")[3];
  return withClient(
    scope,
    (settings) => new ACMClient(settings),
    async (client, options) => {
      const { Certificate } = await client.send(
        new DescribeCertificateCommand({ CertificateArn: arn }),
        options,
      );
      return {
        status: Certificate?.Status ?? "unknown",
        type: Certificate?.Type ?? "unknown",
        notAfter: Certificate?.NotAfter ?? null,
      };
    },
    region,
  );
}

async function certificateOfDistribution(scope: Scope): Promise<string | null> {
  const distribution = await distributionOf(scope);
  return distribution?.DistributionConfig?.ViewerCertificate?.ACMCertificateArn || null;
}

async function certificateOfApi(scope: Scope): Promise<string | null> {
  const { domain } = scope.manifest.api;
  if (domain === null) return null;
  return withClient(
    scope,
    (settings) => new ApiGatewayV2Client(settings),
    async (client, options) => {
      const answer = await client.send(new GetDomainNameCommand({ DomainName: domain }), options);
      return answer.DomainNameConfigurations?.[0]?.CertificateArn ?? null;
    },
  );
}
