"""Runs functions of Lambda as Node processes, which stay warm as they do at AWS: the next invocation of the same version of the same configuration
finds the module loaded and its memory as the last one left it."""

import base64
import hashlib
import io
import json
import os
import random
import subprocess
import threading
import time
import uuid
import zipfile
from datetime import datetime, timezone

from moto.awslambda import models
from moto.cloudwatch.models import cloudwatch_backends
from moto.sts.models import sts_backends
from moto.xray.models import xray_backends

PARALLEL_FUNCTIONS = 8
IDLE_PROCESSES = 12
START_ALLOWANCE_S = 20
ROLE_SESSION_S = 3600


class Node:
    """What every function needs: set once by the launcher."""

    program = "node"
    folder = ""
    url = ""
    trusted = ""


_slots = threading.BoundedSemaphore(PARALLEL_FUNCTIONS)
_lock = threading.Lock()
_idle: list["FunctionProcess"] = []
_busy: set["FunctionProcess"] = set()


class FunctionProcess:
    def __init__(self, key: str, fn):
        self.key = key
        now = datetime.now(timezone.utc)
        self.stream = f"{now:%Y/%m/%d}/[{fn.version}]{uuid.uuid4().hex}"
        self.child = subprocess.Popen(
            [Node.program, f"--max-old-space-size={max(int(fn.memory_size), 128)}", _bootstrap()],
            cwd=_unpacked(fn),
            env=_environment(fn, self.stream),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self.fresh = True

    def invoke(self, request: dict, timeout_s: float):
        """Answers (what it answered or None, log, how it ended)."""
        log: list[str] = []
        expired = threading.Event()

        def expire():
            expired.set()
            self.child.kill()

        # The time that Node itself needs to start is not the function's.
        watch = threading.Timer(timeout_s + (START_ALLOWANCE_S if self.fresh else 0), expire)
        watch.start()
        self.fresh = False
        try:
            self.child.stdin.write(json.dumps(request).encode() + b"\n")
            self.child.stdin.flush()
            for line in self.child.stdout:
                if line.startswith(b"\0"):
                    return json.loads(line[1:]), log, "answered"
                text = line.decode("utf-8", "replace").rstrip("\n")
                if text:
                    log.append(text)
        except BrokenPipeError:
            pass  # It ended before it took the request: told below.
        finally:
            watch.cancel()
        self.child.wait()
        return None, log, "expired" if expired.is_set() else f"exited with {self.child.returncode}"

    def end(self) -> None:
        self.child.kill()
        self.child.wait()


def _bootstrap() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "bootstrap.mjs")


def _unpacked(fn) -> str:
    """Folder of the function's code, unpacked once per digest."""
    place = os.path.join(Node.folder, "code", hashlib.sha256(fn.code_bytes).hexdigest())
    with _lock:
        if not os.path.isdir(place):
            aside = f"{place}.{uuid.uuid4().hex}"
            with zipfile.ZipFile(io.BytesIO(fn.code_bytes)) as archive:
                archive.extractall(aside)
            os.rename(aside, place)
    return place


def _environment(fn, stream: str) -> dict[str, str]:
    session = sts_backends[fn.account_id][fn.partition].assume_role(
        fn.region, fn.function_name[:64], fn.role, "", ROLE_SESSION_S, ""
    )
    return {
        "PATH": os.environ.get("PATH", ""),
        "TZ": ":UTC",
        "NODE_COMPILE_CACHE": os.path.join(Node.folder, "compiled"),
        "_HANDLER": fn.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{fn.run_time}",
        "AWS_LAMBDA_FUNCTION_NAME": fn.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": str(fn.version),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(fn.memory_size),
        "AWS_LAMBDA_LOG_GROUP_NAME": fn.logs_group_name,
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_REGION": fn.region,
        "AWS_DEFAULT_REGION": fn.region,
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "AWS_ENDPOINT_URL": Node.url,
        **({"NODE_EXTRA_CA_CERTS": Node.trusted} if Node.trusted else {}),
        **fn.environment_vars,
    }


def _key(fn) -> str:
    what = [fn.function_arn, str(fn.version), fn.code_sha_256, fn.handler, fn.memory_size, fn.role, fn.environment_vars]
    return json.dumps(what, sort_keys=True)


def _take(fn) -> FunctionProcess:
    key = _key(fn)
    with _lock:
        for process in _idle:
            if process.key == key and process.child.poll() is None:
                _idle.remove(process)
                _busy.add(process)
                return process
    process = FunctionProcess(key, fn)
    with _lock:
        _busy.add(process)
    return process


def _give_back(process: FunctionProcess, healthy: bool) -> None:
    with _lock:
        if process not in _busy:
            return  # All were ended meanwhile.
        _busy.discard(process)
        if healthy:
            _idle.append(process)
        gone = [] if healthy else [process]
        while len(_idle) > IDLE_PROCESSES:
            gone.append(_idle.pop(0))
    for each in gone:
        each.end()


def end_all() -> None:
    with _lock:
        all_of_them = [*_idle, *_busy]
        _idle.clear()
        _busy.clear()
    for process in all_of_them:
        process.end()


def run(fn, payload, invoked_arn: str):
    """Runs one invocation. Answers (text of the payload, failed?, log)."""
    request_id = str(uuid.uuid4())
    started = time.time()
    trace = f"1-{int(started):08x}-{uuid.uuid4().hex[:24]}"
    timeout_s = float(fn.timeout)
    with _slots:
        process = _take(fn)
        answer, log, ending = process.invoke(
            {
                "payload": payload,
                "deadline": int((started + timeout_s) * 1000),
                "trace": f"Root={trace};Sampled=1",
                "context": {
                    "functionName": fn.function_name,
                    "functionVersion": str(fn.version),
                    "invokedFunctionArn": invoked_arn,
                    "memoryLimitInMB": str(fn.memory_size),
                    "awsRequestId": request_id,
                    "logGroupName": fn.logs_group_name,
                    "logStreamName": process.stream,
                    "callbackWaitsForEmptyEventLoop": True,
                },
            },
            timeout_s,
        )
        _give_back(process, answer is not None and process.child.poll() is None)
    ended = time.time()
    if answer is None:
        told = (
            f"{request_id} Task timed out after {timeout_s:.2f} seconds"
            if ending == "expired"
            else f"RequestId: {request_id} Error: Runtime {ending}"
        )
        log.append(told)
        answer = {"failure": {"errorType": "Sandbox.Timedout" if ending == "expired" else "Runtime.ExitError", "errorMessage": told}}
    failed = "failure" in answer
    _write_log(fn, process.stream, request_id, log, (ended - started) * 1000)
    _measure(fn, invoked_arn, failed, (ended - started) * 1000)
    _trace(fn, trace, started, ended, failed)
    text = json.dumps(answer["failure"] if failed else answer["value"], separators=(",", ":"), ensure_ascii=False)
    return text, failed, log


def _write_log(fn, stream: str, request_id: str, log: list[str], duration_ms: float) -> None:
    backend = fn.logs_backend
    backend.ensure_log_group(fn.logs_group_name)
    if stream not in backend.groups[fn.logs_group_name].streams:
        backend.create_log_stream(fn.logs_group_name, stream)
    now = int(time.time() * 1000)
    lines = [
        f"START RequestId: {request_id} Version: {fn.version}",
        *log,
        f"END RequestId: {request_id}",
        f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms\tMemory Size: {fn.memory_size} MB",
    ]
    backend.put_log_events(fn.logs_group_name, stream, [{"timestamp": now, "message": line} for line in lines])


def _measure(fn, invoked_arn: str, failed: bool, duration_ms: float) -> None:
    """The metrics that AWS writes of itself, for the function and for the alias or version that was called."""
    called = invoked_arn.split(":function:")[-1]
    of_function = [{"Name": "FunctionName", "Value": fn.function_name}]
    of_version = [*of_function, {"Name": "Resource", "Value": called}]
    executed = [*of_version, {"Name": "ExecutedVersion", "Value": str(fn.version)}]
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    for dimensions in [of_function, *([of_version] if ":" in called else []), *([executed] if ":" in called else [])]:
        cloudwatch_backends[fn.account_id][fn.region].put_metric_data(
            "AWS/Lambda",
            [
                {"MetricName": name, "Dimensions": dimensions, "Value": value, "Unit": unit, "Timestamp": now}
                for name, value, unit in [
                    ("Invocations", 1.0, "Count"),
                    ("Errors", 1.0 if failed else 0.0, "Count"),
                    ("Duration", duration_ms, "Milliseconds"),
                ]
            ],
        )


def _trace(fn, trace: str, started: float, ended: float, failed: bool) -> None:
    if fn.tracing_config.get("Mode") != "Active":
        return
    segment = {
        "name": fn.function_name,
        "id": uuid.uuid4().hex[:16],
        "trace_id": trace,
        "start_time": started,
        "end_time": ended,
        "origin": "AWS::Lambda::Function",
        **({"fault": True} if failed else {}),
    }
    xray_backends[fn.account_id][fn.region].process_segment(json.dumps(segment))


def _version_for(backend, name: str, qualifier):
    """The version that serves a call, an alias' weights included."""
    if qualifier is not None and qualifier.lower() != "$latest" and not qualifier.isdigit():
        alias = backend._lambdas.get_alias(qualifier, name)
        draw = random.random()
        for version, weight in ((alias.routing_config or {}).get("AdditionalVersionWeights") or {}).items():
            draw -= float(weight)
            if draw < 0:
                return backend.get_function(name, version)
        return backend.get_function(name, alias.function_version)
    return backend.get_function(name, qualifier)


def _invoke(self, function_name, qualifier, body, headers, response_headers):
    name = function_name.split(":function:")[-1]
    if ":" in name:
        name, qualifier = name.split(":")
    fn = _version_for(self, name, qualifier)
    kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
    if kind == "DryRun":
        return b""
    arn = f"arn:{fn.partition}:lambda:{fn.region}:{fn.account_id}:function:{name}{':' + qualifier if qualifier else ''}"
    text, failed, log = run(fn, json.loads(body) if body else {}, arn)
    response_headers["X-Amz-Executed-Version"] = str(fn.version)
    if kind == "Event":
        return b""
    if failed:
        response_headers["x-amz-function-error"] = "Unhandled"
    tail = "\n".join(log).encode()[-4096:]
    response_headers["x-amz-log-result"] = base64.b64encode(tail).decode()
    payload = text.encode()
    response_headers["Content-Length"] = str(len(payload))
    return payload


def install() -> None:
    models.LambdaBackend.invoke = _invoke
