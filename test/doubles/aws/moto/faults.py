"""Who may call, and which calls fail because a test wants so.

Account `testing` (the access key that tests start with) is the root of the account and may do everything. Everybody else, roles above all, may do what
its policies say: moto compares the action; the resource is compared where the request names it in its path (S3, Lambda), else only the action counts.
Conditions are not evaluated: a statement that allows is taken as if they held, one that denies as if they did not."""

import fnmatch
import json
import re
import threading
import time
from urllib.parse import unquote

import xmltodict
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AccessDeniedError, ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.iam import access_control
from moto.s3.exceptions import S3ClientError
from moto.s3.responses import S3Response

ROOT_KEY = "testing"
# The stand-in's own parts, such as edges: never failed, never counted.
OWN_KEY = "stand-in"

# Names that requests are signed with, where policies call the service by another one.
POLICY_NAMES = {"monitoring": "cloudwatch", "email": "ses"}
# Services whose errors have no `Exception` at the end of their names.
SPEAK_XML = {"cloudfront", "iam", "route53", "sns", "sts"}
# Operations that policies call by another name.
POLICY_ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:UpdateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:CopyObject": "s3:PutObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
}

_lock = threading.Lock()
_faults: list[dict] = []
_calls: list[str] = []


class Injected(ServiceException):
    status = 400


class InjectedByS3(S3ClientError):
    status = 400


def reset() -> None:
    with _lock:
        _faults.clear()
        _calls.clear()


def add(fault: dict) -> None:
    with _lock:
        _faults.append({"skip": 0, "times": None, "where": "", "status": 400, "delayMs": 0, **fault})


def calls() -> list[str]:
    with _lock:
        return list(_calls)


def forget_calls() -> None:
    with _lock:
        _calls.clear()


def _due(action: str, text: str):
    with _lock:
        _calls.append(action)
        for fault in _faults:
            if not fnmatch.fnmatchcase(action, fault["action"]) or fault["where"] not in text:
                continue
            if fault["skip"] > 0:
                fault["skip"] -= 1
                continue
            if fault["times"] is not None:
                if fault["times"] <= 0:
                    continue
                fault["times"] -= 1
            return dict(fault)
    return None


def _fail(response, action: str) -> None:
    body = response.raw_body if isinstance(response.raw_body, bytes) else str(response.raw_body or "").encode()
    fault = _due(action, unquote(response.uri) + "\n" + body[:20_000].decode("utf-8", "replace"))
    if fault is None:
        return
    time.sleep(fault["delayMs"] / 1000)
    if "code" not in fault:
        return
    message = fault.get("message", "made to fail by a test")
    if action.startswith("s3:"):
        error = InjectedByS3(fault["code"], message)
        error.status = fault["status"]
        raise error
    injected = Injected(fault["code"], message)
    injected.status = fault["status"]
    raise injected


def _authorize(self, iam_request_cls, resource: str = "*") -> None:
    action_name = self._get_action()
    action_name = action_name[0] if isinstance(action_name, list) else action_name
    authorization = self.headers.get("Authorization", "")
    found = re.search(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/", authorization)
    service = POLICY_NAMES.get(found[2], found[2]) if found else (self.service_name or "")
    if found is not None and found[1] == OWN_KEY:
        return
    _fail(self, f"{service}:{action_name}")
    if found is None or found[1] == ROOT_KEY:
        return
    request = iam_request_cls(
        account_id=self.current_account,
        method=self.method,
        path=self.raw_path,
        data=self.data,
        body=self.raw_body,
        headers=self.headers,
        action=action_name,
    )
    wanted = f"{service}:{action_name}"
    if service == "apigateway":
        wanted = f"apigateway:{self.method}"
    request._action = POLICY_ACTIONS.get(wanted, wanted)
    if wanted == "s3:GetObject" and "versionId=" in self.uri:
        request._action = "s3:GetObjectVersion"
    if wanted == "dynamodb:TransactWriteItems":
        for part, table in _parts_of_transaction(self):
            request._action = part
            request.check_action_permitted(_table_arn(self, table))
        return
    if service == "s3" and self.is_delete_keys():
        # Policies speak of objects; moto would ask for the bucket.
        for part, key in _parts_of_deletion(self):
            request._action = part
            request.check_action_permitted(f"{resource}/{key}")
        return
    try:
        request.check_action_permitted(_resource(self, service, resource))
    except AccessDeniedError as denied:
        # moto says so in XML, whatever the service speaks.
        refused = Injected(
            "AccessDenied" if service in SPEAK_XML else "AccessDeniedException",
            f"User: {request._access_key.arn} is not authorized to perform: {request._action}",
        )
        refused.status = 403
        raise refused from denied


def _parts_of_deletion(self) -> list[tuple[str, str]]:
    named = xmltodict.parse(self.body, strip_whitespace=False)["Delete"].get("Object", [])
    objects = named if isinstance(named, list) else [named]
    return [("s3:DeleteObjectVersion" if "VersionId" in each else "s3:DeleteObject", each["Key"]) for each in objects]


def _parts_of_transaction(self) -> list[tuple[str, str]]:
    """Policies speak of what a transaction does, not of the transaction."""
    named = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
    items = json.loads(self.raw_body or "{}").get("TransactItems", [])
    return sorted({(f"dynamodb:{named[kind]}", part["TableName"]) for item in items for kind, part in item.items() if kind in named})


def _table_arn(self, table: str) -> str:
    return table if table.startswith("arn:") else f"arn:aws:dynamodb:{self.region}:{self.current_account}:table/{table}"


def _resource(self, service: str, resource: str) -> str:
    if service == "lambda":
        named = re.search(r"/functions/([^/?]+)", unquote(self.uri))
        if named:
            name = named[1].split(":function:")[-1]
            return f"arn:aws:lambda:{self.region}:{self.current_account}:function:{name}"
    if service == "s3" and not resource.endswith(":::*"):
        return resource
    if service == "dynamodb" and self._get_action() in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"):
        asked = json.loads(self.raw_body or "{}")
        index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
        return _table_arn(self, asked["TableName"]) + index
    return "*"


def _permits(self, action, resource="*", principal=None, incoming_condition_values=None):
    statement = self._statement
    result = access_control.PermissionResult
    listed = lambda name: [statement[name]] if isinstance(statement[name], str) else statement[name]  # noqa: E731
    concerned = (
        any(_like(each, action) for each in listed("Action"))
        if "Action" in statement
        else not any(_like(each, action) for each in listed("NotAction"))
    )
    if not concerned:
        return result.NEUTRAL
    if principal and not self._check_principal(principal):
        return result.NEUTRAL
    allows = statement["Effect"] == "Allow"
    if "Resource" in statement:
        known = resource != "*"
        matches = any(_like(each, resource) or (service_of(each) == "lambda" and _like(each, resource.split(":live")[0])) for each in listed("Resource"))
        if not (matches if known else allows or "*" in listed("Resource")):
            return result.NEUTRAL
    if allows:
        return result.PERMITTED
    return result.NEUTRAL if "Condition" in statement else result.DENIED


def service_of(arn: str) -> str:
    return arn.split(":")[2] if arn.count(":") > 2 else ""


def _like(pattern: str, text: str) -> bool:
    return fnmatch.fnmatchcase(text.lower(), pattern.replace("[", "[[]").lower())


_call_action = BaseResponse.call_action


def _answer_injected(self):
    try:
        return _call_action(self)
    except Injected as injected:
        _, headers, body = self.serialized(ActionResult(injected))
        return injected.status, {**headers, "status": str(injected.status)}, body


_serialized_by_s3 = S3Response.serialized


def _answer_injected_by_s3(self, action_result):
    status, headers, body = _serialized_by_s3(self, action_result)
    result = action_result.result
    return result.status if isinstance(result, InjectedByS3) else status, headers, body


def install() -> None:
    S3Response.serialized = _answer_injected_by_s3
    ActionAuthenticatorMixin._authenticate_and_authorize_action = _authorize
    access_control.IAMPolicyStatement.is_action_permitted = _permits
    BaseResponse.call_action = _answer_injected


def control(request: dict) -> object:
    if "fault" in request:
        add(request["fault"])
    if request.get("clearFaults"):
        with _lock:
            _faults.clear()
    if request.get("forgetCalls"):
        forget_calls()
    return json.loads(json.dumps({"calls": calls()}))
