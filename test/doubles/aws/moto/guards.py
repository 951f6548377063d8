"""AWS WAF and InfluxDB beyond moto 5.2.5: a firewall that stands in front of something, and databases that can be had and changed."""

import json

from moto.cloudfront.exceptions import CloudFrontException
from moto.cloudfront.models import CloudFrontBackend, cloudfront_backends
from moto.timestreaminfluxdb import models as influx
from moto.timestreaminfluxdb.responses import TimestreamInfluxDBResponse
from moto.wafv2 import models as waf
from moto.wafv2.exceptions import WAFv2ClientError
from moto.wafv2.responses import WAFV2Response


def install() -> None:
    _firewalls()
    _databases()


class NoSuchFirewall(CloudFrontException):
    def __init__(self):
        super().__init__("InvalidWebACLId", "A web ACL ID specified is not valid.")


class StillAssociated(WAFv2ClientError):
    def __init__(self):
        super().__init__("WAFAssociatedItemException", "AWS WAF couldn’t perform the operation because your resource is being used by another resource.")


class OfAnotherRegion(WAFv2ClientError):
    def __init__(self):
        super().__init__("WAFInvalidParameterException", "The scope CLOUDFRONT is known in us-east-1 alone.")


def _firewalls() -> None:
    create_distribution, update_distribution = CloudFrontBackend.create_distribution, CloudFrontBackend.update_distribution
    delete, update = waf.WAFV2Backend.delete_web_acl, waf.WAFV2Backend.update_web_acl

    def require_firewall(backend, config) -> None:
        named = config.get("WebACLId")
        if named and named not in waf.wafv2_backends[backend.account_id][waf.GLOBAL_REGION].wacls:
            raise NoSuchFirewall()

    def created_distribution(self, distribution_config, tags):
        require_firewall(self, distribution_config)
        return create_distribution(self, distribution_config, tags)

    def updated_distribution(self, dist_config, _id, if_match):
        require_firewall(self, dist_config)
        return update_distribution(self, dist_config, _id, if_match)

    def deleted_firewall(self, name, scope, _id, lock_token):
        arn = self.get_web_acl(None, name, _id).arn
        distributions = cloudfront_backends[self.account_id]["aws"].distributions.values()
        if any(each.distribution_config.WebACLId == arn for each in distributions):
            raise StillAssociated()
        return delete(self, name, scope, _id, lock_token)

    def updated_firewall(self, name, _id, default_action, rules, *others):
        token = update(self, name, _id, default_action, rules, *others)
        # What is left out is gone.
        if not rules:
            self.get_web_acl(None, name, _id).rules = []
        return token

    def in_its_region(ask):
        def asked(self):
            if self._get_param("Scope") == "CLOUDFRONT" and self.region != waf.US_EAST_1_REGION:
                raise OfAnotherRegion()
            return ask(self)

        return asked

    for name in ("create_web_acl", "get_web_acl", "update_web_acl", "delete_web_acl"):
        setattr(WAFV2Response, name, in_its_region(getattr(WAFV2Response, name)))
    CloudFrontBackend.create_distribution = created_distribution
    CloudFrontBackend.update_distribution = updated_distribution
    waf.WAFV2Backend.delete_web_acl = deleted_firewall
    waf.WAFV2Backend.update_web_acl = updated_firewall


def _databases() -> None:
    backend = influx.TimestreamInfluxDBBackend
    read = backend.get_db_instance

    def get_db_instance(self, id):
        found = read(self, id)
        # Seen once while it is made or changed, and ready after.
        seen, found.seen = getattr(found, "seen", False), True
        if seen:
            found.status = influx.InstanceStatus.AVAILABLE
        return found

    def update(self):
        params = json.loads(self.body)
        found = read(self.timestreaminfluxdb_backend, params["identifier"])
        if params.get("dbInstanceType", found.db_instance_type) not in [each.value for each in influx.InstanceType]:
            raise influx.ValidationException(f"Unknown DB instance type {params['dbInstanceType']}")
        if params.get("allocatedStorage", found.allocated_storage) < found.allocated_storage:
            raise influx.ValidationException("The allocated storage can only be increased.")
        found.db_instance_type = params.get("dbInstanceType", found.db_instance_type)
        found.allocated_storage = params.get("allocatedStorage", found.allocated_storage)
        found.status, found.seen = influx.InstanceStatus.UPDATING, False
        return json.dumps(found.to_dict())

    backend.get_db_instance = get_db_instance
    TimestreamInfluxDBResponse.update_db_instance = update
