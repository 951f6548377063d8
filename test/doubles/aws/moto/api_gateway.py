"""Data plane of HTTP APIs: /_execute-api/<api id>/<path> calls the Lambda function behind the route, in payload format 2.0."""

import base64
import json
import re
import time
import uuid
from http import HTTPStatus
from urllib.parse import parse_qsl

from moto.apigatewayv2.models import apigatewayv2_backends
from moto.awslambda.models import lambda_backends

import functions

PREFIX = "/_execute-api/"
# A request that came by a domain name of the API.
OWN_NAME = "HTTP_X_STAND_IN_NAME"


def _find(api_id: str):
    for account, regions in list(apigatewayv2_backends.items()):
        for region, backend in list(regions.items()):
            if api_id in backend.apis:
                return account, region, backend.apis[api_id]
    return None


def _matches(route_path: str, path: str):
    """Path parameters, or None."""
    pattern = ""
    for part in route_path.strip("/").split("/"):
        greedy, single = re.fullmatch(r"\{(\w+)\+\}", part), re.fullmatch(r"\{(\w+)\}", part)
        if greedy:
            pattern += f"/(?P<{greedy[1]}>.+)"
        elif single:
            pattern += f"/(?P<{single[1]}>[^/]+)"
        else:
            pattern += "/" + re.escape(part)
    found = re.fullmatch(pattern, path.rstrip("/") or "/")
    return None if found is None else found.groupdict()


def _route(api, method: str, path: str):
    """The most specific one: an exact path before parameters before greedy ones, a named method before ANY, $default last."""
    best = None
    for route in api.routes.values():
        if route.route_key == "$default":
            rank, parameters = (9, 0, 0), {}
        else:
            verb, route_path = route.route_key.split(" ", 1)
            if verb not in (method, "ANY"):
                continue
            parameters = _matches(route_path, path)
            if parameters is None:
                continue
            rank = (route_path.count("+}"), route_path.count("{"), 1 if verb == "ANY" else 0)
        if best is None or rank < best[0]:
            best = (rank, route, parameters)
    return None if best is None else best[1:]


def _cors(api, origin: str, preflight):
    """Headers of the API's own CORS configuration; what the function says of CORS is not used then."""
    config = api.cors_configuration
    if not config or not origin:
        return []
    allowed = config.get("allowOrigins") or []
    if "*" not in allowed and origin not in allowed:
        return []
    headers = [("access-control-allow-origin", "*" if "*" in allowed else origin)]
    if config.get("allowCredentials"):
        headers.append(("access-control-allow-credentials", "true"))
    if config.get("exposeHeaders"):
        headers.append(("access-control-expose-headers", ",".join(config["exposeHeaders"])))
    if preflight:
        headers.append(("access-control-allow-methods", ",".join(config.get("allowMethods") or [])))
        headers.append(("access-control-allow-headers", ",".join(config.get("allowHeaders") or [])))
        if config.get("maxAge") is not None:
            headers.append(("access-control-max-age", str(config["maxAge"])))
    return headers


def _answer(start_response, status: int, headers, body: bytes):
    names = {name.lower() for name, _ in headers}
    more = [] if "content-type" in names else [("content-type", "application/json")]
    start_response(f"{status} {HTTPStatus(status).phrase}", [*headers, *more, ("content-length", str(len(body)))])
    return [body]


def _say(start_response, status: int, message: str, headers=()):
    return _answer(start_response, status, list(headers), json.dumps({"message": message}).encode())


def _permitted(fn_backend, name: str, qualifier, api_id: str) -> bool:
    """A function takes calls only of APIs that its own policy names."""
    for statement in fn_backend.get_function(name, None).policy.statements:
        if statement.get("Principal") != {"Service": "apigateway.amazonaws.com"}:
            continue
        resource = statement["Resource"].split(":function:")[-1]
        if resource != (f"{name}:{qualifier}" if qualifier else name):
            continue
        source = statement.get("Condition", {}).get("ArnLike", {}).get("AWS:SourceArn", "*")
        if source == "*" or f":{api_id}/" in source:
            return True
    return False


def _event(environ, api, route, stage: str, region: str, account: str, path: str, parameters, body: bytes) -> dict:
    headers = {
        name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
    }
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    cookies = [part.strip() for part in headers.pop("cookie", "").split(";") if part.strip()]
    query: dict[str, str] = {}
    for name, value in parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    now = time.time()
    domain = f"{api.api_id}.execute-api.{region}.amazonaws.com"
    kind = headers.get("content-type", "")
    is_text = not body or re.match(r"text/|application/(.*json|xml|javascript|x-www-form-urlencoded)", kind) or kind == ""
    event = {
        "version": "2.0",
        "routeKey": route.route_key,
        "rawPath": path,
        "rawQueryString": environ.get("QUERY_STRING", ""),
        "headers": headers,
        "requestContext": {
            "accountId": account,
            "apiId": api.api_id,
            "domainName": domain,
            "domainPrefix": api.api_id,
            "http": {
                "method": environ["REQUEST_METHOD"],
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": environ.get("REMOTE_ADDR", "127.0.0.1"),
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": uuid.uuid4().hex,
            "routeKey": route.route_key,
            "stage": stage,
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": not is_text,
    }
    if cookies:
        event["cookies"] = cookies
    if query:
        event["queryStringParameters"] = query
    if parameters:
        event["pathParameters"] = parameters
    if body:
        event["body"] = body.decode() if is_text else base64.b64encode(body).decode()
    return event


def _response(start_response, value, cors):
    if not isinstance(value, dict) or "statusCode" not in value:
        return _answer(start_response, 200, cors, json.dumps(value).encode())
    headers = [(str(name).lower(), str(content)) for name, content in (value.get("headers") or {}).items()]
    headers = [each for each in headers if each[0] != "content-length" and not (cors and each[0].startswith("access-control-"))]
    headers += [("set-cookie", cookie) for cookie in value.get("cookies") or []]
    body = value.get("body") or ""
    data = base64.b64decode(body) if value.get("isBase64Encoded") else str(body).encode()
    return _answer(start_response, int(value["statusCode"]), headers + cors, data)


def handle(environ, start_response):
    api_id, _, rest = environ["PATH_INFO"][len(PREFIX) :].partition("/")
    found = _find(api_id)
    if found is None:
        return _say(start_response, 404, "Not Found")
    account, region, api = found
    if api.disable_execute_api_endpoint in (True, "true") and not environ.get(OWN_NAME):
        return _say(start_response, 404, "Not Found")
    path = "/" + rest.encode("latin-1").decode("utf-8")
    stage = path.split("/")[1]
    if stage in api.stages:
        path = path[len(stage) + 1 :] or "/"
    elif "$default" in api.stages:
        stage = "$default"
    else:
        return _say(start_response, 404, "Not Found")
    method, origin = environ["REQUEST_METHOD"], environ.get("HTTP_ORIGIN", "")
    if method == "OPTIONS" and api.cors_configuration and environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD"):
        return _answer(start_response, 204, _cors(api, origin, True), b"")
    cors = _cors(api, origin, False)
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    chosen = _route(api, method, path)
    if chosen is None:
        return _say(start_response, 404, "Not Found", cors)
    route, parameters = chosen
    if (route.authorization_type or "NONE") != "NONE":
        return _say(start_response, 401, "Unauthorized", cors)
    integration = api.integrations.get((route.target or "").split("/")[-1])
    if integration is None or integration.integration_type != "AWS_PROXY":
        return _say(start_response, 500, "Internal Server Error", cors)
    target = integration.integration_uri
    lambda_arn = re.search(r"arn:aws[^:]*:lambda:[^:]+:\d+:function:[^/]+", target)
    name, _, qualifier = lambda_arn[0].split(":function:")[-1].partition(":")
    backend = lambda_backends[account][lambda_arn[0].split(":")[3]]
    try:
        fn = functions._version_for(backend, name, qualifier or None)
    except Exception:
        return _say(start_response, 500, "Internal Server Error", cors)
    if not _permitted(backend, name, qualifier, api_id):
        return _say(start_response, 500, "Internal Server Error", cors)
    event = _event(environ, api, route, stage, region, account, path, parameters, body)
    text, failed, _ = functions.run(fn, event, lambda_arn[0])
    if failed:
        return _say(start_response, 500, "Internal Server Error", cors)
    return _response(start_response, json.loads(text), cors)
