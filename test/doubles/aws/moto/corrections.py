"""Where moto 5.2.5 answers otherwise than AWS, corrected: only what the tests of the AWS target meet."""

import copy
import json
import uuid
from urllib.parse import unquote

from moto.apigatewayv2 import models as gateway
from moto.awslambda import models as functions
from moto.awslambda.exceptions import InvalidParameterValueException, PreconditionFailedException
from moto.awslambda.responses import LambdaResponse
from moto.cloudfront import models as cloudfront
from moto.cloudtrail.models import CloudTrailBackend
from moto.s3.models import S3Backend, s3_backends


class Settings:
    # Times that an invalidation is still in progress when it is read; None: always.
    invalidation_reads: int | None = 0
    api_endpoint = ""
    edges: list[str] = []


def install() -> None:
    _lambda()
    _cloudfront()
    _api_gateway()
    _trails()
    _s3()


# Lambda: a package by its object version, a version only after a change and under a number that was never used, revisions of aliases, permissions that stay
# with the alias.

# The highest number of a version that a function of this name ever had.
_numbers: dict[tuple[str, str, str], int] = {}


def reset() -> None:
    Settings.invalidation_reads = 0
    _numbers.clear()


def _lambda() -> None:
    fn, backend, response = functions.LambdaFunction, functions.LambdaBackend, LambdaResponse
    create = fn.__init__
    set_code = fn._set_function_code
    configure = fn.update_configuration
    read_configuration = fn.get_configuration
    alias_update = functions.LambdaAlias.update

    def new_function(self, account_id, spec, region, version=1):
        create(self, account_id, spec, region, version)
        self.dead_letter = spec.get("DeadLetterConfig")
        self.logging = spec.get("LoggingConfig")
        self.revision = str(uuid.uuid4())
        if self.logging and self.logging.get("LogGroup"):
            self.logs_group_name = self.logging["LogGroup"]

    def code(self, spec):
        if spec.get("DryRun") or "S3Bucket" not in spec:
            return set_code(self, spec)
        bucket, key = spec["S3Bucket"], spec["S3Key"]
        try:
            found = s3_backends[self.account_id][self.partition].get_object(bucket, key, version_id=spec.get("S3ObjectVersion"))
        except Exception as thrown:
            raise InvalidParameterValueException(f"Error occurred while GetObject. S3 Error Message: {thrown}") from thrown
        if found is None:
            raise InvalidParameterValueException(
                "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."
            )
        self.code_bytes, self.code_size, self.code_sha_256, self.code_digest = functions._s3_content(found)
        self.code = {**self.code, "S3Bucket": bucket, "S3Key": key}

    def update_code(self, spec):
        before = self.code_sha_256
        self._set_function_code(spec)
        if "Architectures" in spec:
            self.architectures = spec["Architectures"]
        if self.code_sha_256 != before:
            self.code_or_config_updated = True
        self.revision = str(uuid.uuid4())
        return self.get_configuration()

    def backend_update_code(self, function_name, qualifier, body):
        latest = self.get_function(function_name, qualifier)
        if body.get("RevisionId") not in (None, latest.revision):
            raise PreconditionFailedException("The Revision Id provided does not match the latest Revision Id.")
        if body.get("DryRun"):
            return latest.get_configuration()
        answer = update_code(latest, body)
        if body.get("Publish", False):
            return self.publish_version(function_name).get_configuration()
        return answer

    def update_configuration(self, updates):
        before, was_changed = _shape(self), self.code_or_config_updated
        configure(self, updates)
        for key, name in [("KMSKeyArn", "kms_key_arn"), ("TracingConfig", "tracing_config"), ("DeadLetterConfig", "dead_letter"), ("LoggingConfig", "logging")]:
            if key in updates:
                setattr(self, name, updates[key])
        if "EphemeralStorage" in updates:
            self.ephemeral_storage = updates["EphemeralStorage"]["Size"]
        if "LoggingConfig" in updates and updates["LoggingConfig"].get("LogGroup"):
            self.logs_group_name = updates["LoggingConfig"]["LogGroup"]
        if "Environment" in updates:
            self.environment_vars = updates["Environment"].get("Variables") or {}
        self.code_or_config_updated = was_changed or _shape(self) != before
        self.revision = str(uuid.uuid4())
        return self.get_configuration()

    def configuration(self, on_create=False):
        answer = read_configuration(self, on_create)
        answer["RevisionId"] = self.revision
        if self.dead_letter and self.dead_letter.get("TargetArn"):
            answer["DeadLetterConfig"] = self.dead_letter
        answer["LoggingConfig"] = {"LogFormat": "Text", **(self.logging or {}), "LogGroup": self.logs_group_name}
        return answer

    def publish(self):
        name = unquote(self.path.split("/")[-2])
        latest = self.backend.get_function(name, None)
        wanted = self._get_param("CodeSha256")
        if wanted and wanted != latest.code_sha_256:
            raise InvalidParameterValueException(
                f"CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({latest.code_sha_256})."
            )
        revision = self._get_param("RevisionId")
        if revision and revision != latest.revision:
            raise PreconditionFailedException("The Revision Id provided does not match the latest Revision Id.")
        version = self.backend.publish_version(name, self._get_param("Description"))
        return 201, {"status": 201}, json.dumps(version.get_configuration())

    original_update_alias = response.update_alias

    def update_alias(self):
        wanted = self.json_body.get("RevisionId")
        alias = self.backend.get_alias(unquote(self.path.split("/")[-1]), unquote(self.path.split("/")[-3]))
        if wanted and wanted != alias.revision_id:
            raise PreconditionFailedException("The Revision Id provided does not match the latest Revision Id.")
        return original_update_alias(self)

    def changed_alias(self, *args, **kwargs):
        alias_update(self, *args, **kwargs)
        self.revision_id = str(uuid.uuid4())

    def add_permission(self, function_name, qualifier, raw):
        name = function_name.split(":function:")[-1].split(":")[0]
        self.get_function(name, qualifier)
        latest = self.get_function(name, None)
        wanted = json.loads(raw).get("StatementId")
        if any(each.get("Sid") == wanted for each in _statements(latest, qualifier)):
            raise functions.ConflictException(f"The statement id ({wanted}) provided already exists.")
        statement, _ = latest.policy.add_statement(raw, qualifier)
        return statement

    def get_policy(self, function_name, qualifier=None):
        name = function_name.split(":function:")[-1].split(":")[0]
        latest = self.get_function(name, None)
        kept = _statements(latest, qualifier)
        if not kept:
            raise functions.GenericResourcNotFound()
        document = {"Version": "2012-10-17", "Id": "default", "Statement": kept}
        return json.dumps({"Policy": json.dumps(document), "RevisionId": latest.policy.revision})

    def publish_version(self, function_name, description=""):
        version = original_publish(self, function_name, description)
        self.get_function(function_name.split(":function:")[-1].split(":")[0], None).code_or_config_updated = False
        return version

    def numbered_version(self, name_or_arn, description=""):
        known = self.get_function_by_name_or_arn_forbid_qualifier(name_or_arn)
        there = self._functions[known.function_name]["versions"]
        if there and not known.code_or_config_updated:
            return there[-1]
        known.code_or_config_updated = False
        key = (self.account_id, self.region_name, known.function_name)
        _numbers[key] = _numbers.get(key, 0) + 1
        version = copy.copy(known)
        version.set_version(_numbers[key])
        if description:
            version.description = description
        there.append(version)
        self._arns[version.function_arn] = version
        return version

    read_parameter = response._get_param

    def parameter(self, name, if_none=None):
        # Invoke asks for it by a name that no client sends.
        return read_parameter(self, "Qualifier" if name == "qualifier" else name, if_none)

    original_publish = backend.publish_version
    response._get_param = parameter
    fn.__init__ = new_function
    fn._set_function_code = code
    fn.update_function_code = update_code
    fn.get_configuration = configuration
    backend.update_function_code = backend_update_code
    fn.update_configuration = update_configuration
    backend.add_permission = add_permission
    backend.get_policy = get_policy
    backend.publish_version = publish_version
    functions.LambdaStorage.publish_version = numbered_version
    response.publish_version = publish
    response.update_alias = update_alias
    functions.LambdaAlias.update = changed_alias


def _statements(latest, qualifier):
    suffix = f":function:{latest.function_name}{':' + qualifier if qualifier else ''}"
    return [each for each in latest.policy.statements if each["Resource"].endswith(suffix)]


def _shape(fn):
    what = [
        fn.description, fn.handler, fn.memory_size, fn.role, fn.run_time, fn.timeout, fn._vpc_config, fn.environment_vars,
        fn.layers, fn.kms_key_arn, fn.tracing_config, fn.dead_letter, fn.logging, fn.ephemeral_storage,
    ]  # fmt: skip
    return json.dumps(what, sort_keys=True, default=str)


# CloudFront: states as AWS spells them, and what moto forgets of a distribution.


def _cloudfront() -> None:
    origin, behaviour = cloudfront.Origin.__init__, cloudfront.DefaultCacheBehaviour.__init__
    invalidation, distribution = cloudfront.Invalidation.__init__, cloudfront.Distribution.__init__
    backend = cloudfront.CloudFrontBackend
    update, delete = backend.update_distribution, backend.delete_distribution

    def new_origin(self, config):
        origin(self, config)
        self.origin_access_control_id = config.get("OriginAccessControlId", "")

    def new_behaviour(self, config):
        behaviour(self, config)
        items = (config.get("FunctionAssociations") or {}).get("Items") or []
        self.function_associations = {"Quantity": len(items), "Items": items} if items else {"Quantity": 0}

    def new_invalidation(self, *args):
        invalidation(self, *args)
        self.reads_left, self.is_complete = Settings.invalidation_reads, False

    def status(self):
        return "Completed" if self.is_complete else "InProgress"

    def get_invalidation(self, dist_id, id):
        found = original_get_invalidation(self, dist_id, id)
        if found.reads_left == 0:
            found.is_complete = True
        elif found.reads_left is not None:
            found.reads_left -= 1
        return found

    def new_distribution(self, account_id, region_name, config):
        distribution(self, account_id, region_name, config)
        if self.distribution_config.Aliases.get("Items"):
            # It is reached by names of its own.
            return
        taken = {each.domain_name for each in cloudfront.cloudfront_backends[account_id]["aws"].distributions.values()}
        free = [edge for edge in Settings.edges if edge not in taken]
        if free:
            self.domain_name = free[0]

    def update_distribution(self, dist_config, _id, if_match):
        known = self.distributions.get(_id)
        if known is not None and if_match != known.etag:
            raise cloudfront.InvalidIfMatchVersion
        answer = update(self, dist_config, _id, if_match)
        known.etag = cloudfront.random_id()
        return known, known.location, known.etag

    def delete_distribution(self, distribution_id, if_match):
        known = self.distributions.get(distribution_id)
        if known is not None and known.distribution_config.Enabled:
            raise NotDisabled()
        delete(self, distribution_id, if_match)

    def create_invalidation(self, dist_id, paths, caller_ref):
        for known in self.invalidations.get(dist_id, []):
            if known.caller_ref == caller_ref:
                return known
        return original_invalidation(self, dist_id, paths, caller_ref)

    class NotDisabled(cloudfront.InvalidIfMatchVersion.__mro__[1]):
        code = "DistributionNotDisabled"
        message = "The distribution you are trying to delete has not been disabled."

        def __init__(self):
            super().__init__(self.message)

    original_invalidation = backend.create_invalidation
    original_get_invalidation = backend.get_invalidation
    backend.get_invalidation = get_invalidation
    cloudfront.Origin.__init__ = new_origin
    cloudfront.DefaultCacheBehaviour.__init__ = new_behaviour
    cloudfront.Invalidation.__init__ = new_invalidation
    cloudfront.Invalidation.status = property(status, lambda self, value: None)
    cloudfront.Distribution.__init__ = new_distribution
    backend.update_distribution = update_distribution
    backend.delete_distribution = delete_distribution
    backend.create_invalidation = create_invalidation


# API Gateway: an address that can be called here.


def _api_gateway() -> None:
    original = gateway.Api.__init__

    def new_api(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.api_endpoint = f"{Settings.api_endpoint}/_execute-api/{self.api_id}"

    gateway.Api.__init__ = new_api


# CloudTrail: a trail is deleted by its ARN too.


def _s3() -> None:
    """Of a bucket whose versions are suspended, as one is that a stack gives up, moto takes a key away whatever version is named, and breaks at a delete marker."""
    delete = S3Backend.delete_object

    def delete_object(self, bucket_name, key_name, version_id=None, bypass=False):
        bucket = self.get_bucket(bucket_name)
        if version_id is None or getattr(bucket, "versioning_status", None) != "Suspended":
            return delete(self, bucket_name, key_name, version_id=version_id, bypass=bypass)
        there = bucket.keys.getlist(key_name, default=[])
        left = [one for one in there if str(one.version_id) != str(version_id)]
        bucket.keys.setlist(key_name, left)
        if not left:
            bucket.keys.pop(key_name)
        return True, {"version-id": version_id}

    S3Backend.delete_object = delete_object


def _trails() -> None:
    original = CloudTrailBackend.delete_trail

    def delete_trail(self, name):
        original(self, name.split(":trail/")[-1])

    CloudTrailBackend.delete_trail = delete_trail
