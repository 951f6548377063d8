"""Names of one's own: certificates that ACM issues once the asked record is there, signed by an authority that tests trust, and what API Gateway says
of its domain names. `owner` tells who answers under a name, with the certificate that is shown there."""

import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from moto.acm.models import CertBundle, acm_backends
from moto.apigatewayv2 import models as gateway
from moto.apigatewayv2 import urls as gateway_urls
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.cloudfront.models import cloudfront_backends
from moto.route53.models import route53_backends


class Settings:
    # PEM of a certificate and its key; without one certificates are signed by themselves, as moto has them.
    authority = b""


def install() -> None:
    _acm()
    _api_domains()


def _acm() -> None:
    generate, check = CertBundle.generate_cert.__func__, CertBundle.check

    def signed(cls, *args, **kwargs):
        made = generate(cls, *args, **kwargs)
        if Settings.authority:
            authority = x509.load_pem_x509_certificate(Settings.authority)
            builder = (
                x509.CertificateBuilder()
                .subject_name(made._cert.subject)
                .issuer_name(authority.subject)
                .public_key(made._key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(made._cert.not_valid_before_utc)
                .not_valid_after(made._cert.not_valid_after_utc)
            )
            for each in made._cert.extensions:
                builder = builder.add_extension(each.value, each.critical)
            key = serialization.load_pem_private_key(Settings.authority, password=None)
            made._cert = builder.sign(key, hashes.SHA256())
            made.cert = made._cert.public_bytes(serialization.Encoding.PEM)
        return made

    def checked(self):
        if self.type != "AMAZON_ISSUED" or self.status != "PENDING_VALIDATION":
            check(self)
        elif all(_is_there(self.arn.split(":")[4], option["ResourceRecord"]) for option in self.describe()["Certificate"]["DomainValidationOptions"]):
            self.status = "ISSUED"

    CertBundle.generate_cert = classmethod(signed)
    CertBundle.check = checked


def _is_there(account: str, record: dict[str, str]) -> bool:
    return any(
        each.type == record["Type"] and each.name.rstrip(".") == record["Name"].rstrip(".") and record["Value"] in each.records
        for zone in route53_backends[account]["aws"].zones.values()
        for each in zone.rrsets
    )


def _api_domains() -> None:
    create = gateway.DomainName.__init__

    def new_domain_name(self, domain_name, domain_name_configurations, mutual_tls_authentication, tags, backend):
        host = f"d-{secrets.token_hex(5)}.execute-api.{backend.region_name}.amazonaws.com"
        configurations = [
            {"apiGatewayDomainName": host, "hostedZoneId": "Z1U9ULNL0V5AJ3", "domainNameStatus": "AVAILABLE", **each} for each in domain_name_configurations
        ]
        create(self, domain_name, configurations, mutual_tls_authentication, tags, backend)

    def delete_domain_name(self, domain_name):
        # moto changes the mappings while it goes through them.
        for id in [each.api_mapping_id for each in self.get_api_mappings(domain_name)]:
            del self.api_mappings[id]
        delete(self, domain_name)

    def tag_resource(self, resource_arn, tags):
        # moto keeps tags of domain names beside those of everything else, and tells the former alone.
        named = self.domain_names.get(resource_arn.split("/domainnames/")[-1])
        if named is not None:
            named.tags = {**named.tags, **tags}
        tag(self, resource_arn, tags)

    delete, tag = gateway.ApiGatewayV2Backend.delete_domain_name, gateway.ApiGatewayV2Backend.tag_resource
    gateway.ApiGatewayV2Backend.tag_resource = tag_resource
    gateway_urls.url_paths["{0}/v2/tags/(?P<resource_arn_pt1>[^/]+)/domainnames/(?P<resource_arn_pt2>[^/]+)$"] = ApiGatewayV2Response.dispatch
    gateway.DomainName.__init__ = new_domain_name
    gateway.ApiGatewayV2Backend.delete_domain_name = delete_domain_name


def owner(name: str) -> dict[str, str | None]:
    """Who answers under a name: `api` or `site` with what it is reached by, and the certificate; nothing for a name that nobody has."""
    for account, regions in list(apigatewayv2_backends.items()):
        for backend in list(regions.values()):
            domain = backend.domain_names.get(name)
            if domain is None:
                continue
            mapped = [each for each in backend.get_api_mappings(name) if each.api_mapping_key in ("", None)]
            shown = _certificate(account, domain.domain_name_configurations[0].get("certificateArn"))
            return {"api": mapped[0].api_id if mapped else None, "stage": mapped[0].stage if mapped else None, **shown}
    for account, partitions in list(cloudfront_backends.items()):
        for distribution in list(partitions["aws"].distributions.values()):
            config = distribution.distribution_config
            if name in (config.Aliases.get("Items") or []):
                return {"site": name, **_certificate(account, config.ViewerCertificate.acm_certificate_arn)}
    return {}


def _certificate(account: str, arn: str | None) -> dict[str, str]:
    region = (arn or "").split(":")[3] if arn else ""
    found = acm_backends[account][region]._certificates.get(arn) if region else None
    if found is None or found.status == "PENDING_VALIDATION":
        return {}
    return {"cert": found.cert.decode(), "key": found.key.decode()}
