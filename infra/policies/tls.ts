import { at, type Props, type Rule, resourcePolicy } from "./rule.ts";

/** Oldest policies of CloudFront whose clients speak TLS 1.2 or later. */
const MODERN = /^TLSv1\.[23]_/;

const rule: Rule = ({ type, props }) => {
  switch (type) {
    case "aws:cloudfront/distribution:Distribution":
      return distributionProblems(props);
    case "aws:apigatewayv2/domainName:DomainName":
      return at(props, "domainNameConfiguration.securityPolicy") === "TLS_1_2"
        ? []
        : ["must ask for TLS_1_2 in domainNameConfiguration"];
    case "aws:lb/listener:Listener":
      return at(props, "protocol") === "HTTP" && at(props, "defaultActions.0.type") !== "redirect"
        ? ["must redirect to HTTPS"]
        : [];
    default:
      return [];
  }
};

function distributionProblems(props: Props): string[] {
  const viewer = at(props, "defaultCacheBehavior.viewerProtocolPolicy");
  const problems =
    viewer === "redirect-to-https" || viewer === "https-only" ? [] : ["must not answer over HTTP"];
  // With CloudFront's own certificate there is nothing to choose: that is for stacks that nobody depends on.
  if (at(props, "viewerCertificate.cloudfrontDefaultCertificate") === true) {
    if (at(props, "tags.environment") === "production") {
      problems.push(
        "needs a domain of its own in production: CloudFront's own certificate also takes TLS 1.0",
      );
    }
    return problems;
  }
  const oldest = at(props, "viewerCertificate.minimumProtocolVersion");
  if (typeof oldest !== "string" || !MODERN.test(oldest)) problems.push("must ask for TLS 1.2 or later");
  return problems;
}

export const modernTls = resourcePolicy("tls-1.2", "Clients speak TLS 1.2 or later.", rule);
