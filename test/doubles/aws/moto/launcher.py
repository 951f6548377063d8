"""moto as the tests of the AWS target need it: functions really run, HTTP APIs answer, roles may do only what their policies say, and what moto answers
otherwise than AWS is corrected. Prints `Running on <url>` when it takes requests; ends by SIGTERM, its functions with it."""

import argparse
import atexit
import json
import os
import signal
import sys
import threading
import time

os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
os.environ.setdefault("MOTO_ACM_VALIDATION_WAIT", "0")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

import additions  # noqa: E402
import api_gateway  # noqa: E402
import caches  # noqa: E402
import corrections  # noqa: E402
import domains  # noqa: E402
import faults  # noqa: E402
import functions  # noqa: E402
import guards  # noqa: E402


STARTER_CHECK_S = 1


class Quiet(MotoRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *args):
        """Thousands of lines that nobody reads."""


class Application:
    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)

    def __call__(self, environ, start_response):
        path = environ.get("PATH_INFO", "")
        if path.startswith(api_gateway.PREFIX):
            return api_gateway.handle(environ, start_response)
        if path == "/_control":
            return self.control(environ, start_response)
        if path == "/moto-api/reset":
            functions.end_all()
            faults.reset()
            additions.reset()
            caches.reset()
            corrections.reset()
        return self.moto(environ, start_response)

    @staticmethod
    def control(environ, start_response):
        request = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        answer = domains.owner(request["owner"]) if "owner" in request else faults.control(request)
        if "invalidationReads" in request:
            corrections.Settings.invalidation_reads = request["invalidationReads"]
        body = json.dumps(answer).encode()
        start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
        return [body]


def end_with_starter(starter: int) -> None:
    """A starter that is killed cannot end this server; nothing of it may be left."""
    while os.getppid() == starter:
        time.sleep(STARTER_CHECK_S)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, help="for code and compiled code of functions; the starter removes it")
    parser.add_argument("--node", required=True)
    parser.add_argument("--api", default="", help="where APIs are reached; this server itself when left out")
    parser.add_argument("--edge", action="append", default=[], help="host:port that a distribution may have as its domain name")
    parser.add_argument("--authority", default="", help="file with a certificate and its key: it signs what ACM issues")
    parser.add_argument("--trusted", default="", help="file with certificates that functions trust")
    parser.add_argument("--cache", default="", help="address of caches")
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    atexit.register(functions.end_all)
    for module in (corrections, additions, domains, caches, guards, functions, faults):
        module.install()
    threading.Thread(target=end_with_starter, args=(os.getppid(),), daemon=True).start()
    server = make_server("127.0.0.1", 0, Application(), threaded=True, request_handler=Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    os.environ["MOTO_PORT"] = str(server.server_port)
    functions.Node.program, functions.Node.folder, functions.Node.url = options.node, options.folder, url
    functions.Node.trusted = options.trusted
    corrections.Settings.api_endpoint = options.api or url
    corrections.Settings.edges = options.edge
    caches.Settings.address = options.cache
    if options.authority:
        with open(options.authority, "rb") as file:
            domains.Settings.authority = file.read()
    print(f"Running on {url}", flush=True)
    server.serve_forever()


main()
