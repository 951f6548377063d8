"""Operations that moto 5.2.5 has not and the AWS target uses: they answer as AWS does, and what they hold is gone with a reset."""

import json
import time
import uuid
from urllib.parse import unquote

from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.backup import urls as backup_urls
from moto.backup.responses import BackupResponse
from moto.budgets.responses import BudgetsResponse
from moto.cloudfront import urls as cloudfront_urls
from moto.cloudfront.exceptions import CloudFrontException
from moto.cloudfront.models import random_id
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

_header_policies: dict[str, dict] = {}
_selections: dict[str, dict] = {}


def reset() -> None:
    _header_policies.clear()
    _selections.clear()


def install() -> None:
    _response_headers_policies()
    _edge_functions()
    _backup_selections()
    _stages()
    _budgets()


class NoSuchPolicy(CloudFrontException):
    def __init__(self):
        super().__init__("NoSuchResponseHeadersPolicy", "The response headers policy does not exist.")


def _response_headers_policies() -> None:
    def found(id):
        if id not in _header_policies:
            raise NoSuchPolicy()
        return _header_policies[id]

    def answer(policy):
        return ActionResult(
            {
                "ResponseHeadersPolicy": {
                    "Id": policy["id"],
                    "LastModifiedTime": policy["time"],
                    "ResponseHeadersPolicyConfig": policy["config"],
                },
                "ETag": policy["etag"],
                "Location": f"https://cloudfront.amazonaws.com/2020-05-31/response-headers-policy/{policy['id']}",
            }
        )

    def keep(id, config):
        _header_policies[id] = {"id": id, "config": config, "etag": random_id(), "time": utcnow()}
        return answer(_header_policies[id])

    def create(self):
        return keep(str(uuid.uuid4()), self._get_param("ResponseHeadersPolicyConfig", {}))

    def read(self):
        return answer(found(self._get_param("Id")))

    def update(self):
        found(self._get_param("Id"))
        return keep(self._get_param("Id"), self._get_param("ResponseHeadersPolicyConfig", {}))

    def delete(self):
        found(self._get_param("Id"))
        del _header_policies[self._get_param("Id")]
        return EmptyResult()

    CloudFrontResponse.create_response_headers_policy = create
    CloudFrontResponse.get_response_headers_policy = read
    CloudFrontResponse.update_response_headers_policy = update
    CloudFrontResponse.delete_response_headers_policy = delete
    for path in ("", "/(?P<policy_id>[^/]+)"):
        cloudfront_urls.url_paths[f"{{0}}/2020-05-31/response-headers-policy{path}$"] = CloudFrontResponse.dispatch


def _edge_functions() -> None:
    original = CloudFrontResponse.get_function

    def update(self):
        function = self.backend.describe_function(self._get_param("Name"))
        function.config = self._get_param("FunctionConfig", {})
        function.code = self._get_param("FunctionCode")
        function.etag, function.last_modified_time = random_id(), utcnow()
        return ActionResult({"FunctionSummary": function.function_summary, "ETag": function.etag})

    def publish(self):
        function = self.backend.describe_function(self._get_param("Name"))
        function.published, function.stage, function.status = function.code, "LIVE", "UNASSOCIATED"
        return ActionResult({"FunctionSummary": function.function_summary})

    def read(self):
        function = self.backend.describe_function(self._get_param("Name"))
        if self._get_param("Stage") != "LIVE":
            return original(self)
        if not hasattr(function, "published"):
            raise CloudFrontException("NoSuchFunctionExists", "The function has not been published.")
        return ActionResult({"FunctionCode": function.published, "ETag": function.etag, "ContentType": "application/octet-stream"})

    CloudFrontResponse.update_function = update
    CloudFrontResponse.publish_function = publish
    CloudFrontResponse.get_function = read
    cloudfront_urls.url_paths["{0}/2020-05-31/function/(?P<function_name>[^/]+)/publish$"] = CloudFrontResponse.dispatch


def _backup_selections() -> None:
    def plan_of(self):
        return self.path.split("/plans/")[1].split("/")[0]

    def create(self):
        self.backup_backend.get_backup_plan(plan_of(self), None)
        id = str(uuid.uuid4())
        _selections[id] = {
            "BackupSelection": json.loads(self.body)["BackupSelection"],
            "SelectionId": id,
            "BackupPlanId": plan_of(self),
            "CreationDate": time.time(),
        }
        return json.dumps({name: _selections[id][name] for name in ("SelectionId", "BackupPlanId", "CreationDate")})

    def selected(self):
        id = self.path.rstrip("/").split("/")[-1]
        return id if _selections.get(id, {}).get("BackupPlanId") == plan_of(self) else None

    def read(self):
        id = selected(self)
        if id is None:
            return 400, {"status": 400, "x-amzn-errortype": "ResourceNotFoundException"}, json.dumps({"Message": "no such selection"})
        return json.dumps(_selections[id])

    def delete(self):
        _selections.pop(selected(self), None)
        return ""

    def tags(self):
        # moto expects a slash at the end, which not every client sends.
        arn = unquote(self.path.split("/tags/")[1].rstrip("/"))
        return json.dumps({"Tags": self.backup_backend.list_tags(resource_arn=arn)})

    def update_plan(self):
        plan = self.backup_backend.get_backup_plan(self.path.split("/plans/")[1].rstrip("/"), None)
        plan.backup_plan = json.loads(self.body)["BackupPlan"]
        plan.version_id = uuid.uuid4().hex
        return json.dumps(dict(plan.to_dict()))

    def listed(self):
        found = [
            {"SelectionId": id, "SelectionName": each["BackupSelection"]["SelectionName"], "BackupPlanId": each["BackupPlanId"], "IamRoleArn": each["BackupSelection"]["IamRoleArn"]}
            for id, each in _selections.items()
            if each["BackupPlanId"] == plan_of(self)
        ]
        return json.dumps({"BackupSelectionsList": found})

    BackupResponse.list_tags = tags
    BackupResponse.update_backup_plan = update_plan
    BackupResponse.create_backup_selection = create
    BackupResponse.get_backup_selection = read
    BackupResponse.delete_backup_selection = delete
    BackupResponse.list_backup_selections = listed
    # Before the path of a plan, whose pattern would take these too.
    known = dict(backup_urls.url_paths)
    backup_urls.url_paths.clear()
    for path in ("/selections/?$", "/selections/(?P<selection>[^/]+)/?$"):
        backup_urls.url_paths[f"{{0}}/backup/plans/(?P<plan>[^/]+){path}"] = BackupResponse.dispatch
    backup_urls.url_paths.update(known)


def _stages() -> None:
    def update(self):
        api_id, _, name = unquote(self.path).split("/")[-3:]
        stage = self.apigatewayv2_backend.get_stage(api_id, name)
        for name, attribute in [
            ("accessLogSettings", "access_log_settings"),
            ("autoDeploy", "auto_deploy"),
            ("defaultRouteSettings", "default_route_settings"),
            ("description", "description"),
            ("routeSettings", "route_settings"),
            ("stageVariables", "stage_variables"),
        ]:
            if name in json.loads(self.body):
                setattr(stage, attribute, json.loads(self.body)[name])
        return 200, {}, json.dumps(stage.to_json())

    ApiGatewayV2Response.update_stage = update


def _budgets() -> None:
    def update(self):
        account, new = self._get_param("AccountId"), self._get_param("NewBudget")
        self.backend.describe_budget(account, new["BudgetName"])
        self.backend.budgets[account][new["BudgetName"]].budget.update(new)
        return json.dumps({})

    BudgetsResponse.update_budget = update
