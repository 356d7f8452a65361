"""A Kubernetes API server, as far as discovery asks one: lists in pages, watches, tokens, RBAC.

It is a real HTTP server. Every change has a version; a watch replays what came after its own and
waits for more in a chunked answer. What is asked without a right to it is refused with 403.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from urllib.parse import parse_qsl, urlsplit

from cluster_rights import RBAC, Right, rights_in
from cluster_state import ClusterState, status

TOKEN = "eyJhbGciOi.token.of-the-account"
HANG = object()
"""As a fault: no answer, until the server closes."""


class KubernetesApi(ClusterState):
    """Serves what it knows; ``requests`` has path and query of each request."""

    def __init__(self, *, tls=None, page_size=500, rights=None, token=TOKEN):
        super().__init__(page_size)
        self.rights = rights_in(RBAC.read_text()) if rights is None else rights
        self.token = token
        self.pages = {}
        """What is at paths that are no lists: kubelets' pages, by way of the server."""
        self.used = set()
        self.requests = []
        self.faults = deque()
        """What becomes of the next requests: a status, the bytes of a body, or ``HANG``."""
        self.closing = threading.Event()
        self.port = 0
        self._tls = tls

    def __enter__(self):
        """Again on the same port: an outage and its end."""
        self.closing = threading.Event()
        self.reopen()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.api = self
        self._server.tls = _context(self._tls)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.close()
        self._server.shutdown()
        self._server.break_off()
        self._server.server_close()
        self._thread.join()

    def count(self, **asked):
        """Requests with these parameters; None: without it."""
        return sum(
            all(query.get(name) == value for name, value in asked.items())
            for _, query in self.requests
        )

    def allows(self, verb, what):
        right = Right(verb, what)
        if right in self.rights:
            self.used.add(right)
        return right in self.rights


def _context(tls):
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


class _Server(ThreadingHTTPServer):
    """When it is closed, the threads of its connections have ended."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, *arguments):
        self._open = set()
        super().__init__(*arguments)

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:  # the handshake is for the thread of the connection
            connection = self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request):
        self._open.discard(request)
        super().shutdown_request(request)

    def break_off(self):
        for connection in list(self._open):
            with suppress(OSError):
                socket.shutdown(connection, SHUT_RDWR)

    def handle_error(self, *_):
        """Clients go away."""


class _Handler(BaseHTTPRequestHandler):
    """One connection; its server has the ``api``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        api, split = self.server.api, urlsplit(self.path)
        query = dict(parse_qsl(split.query))
        api.requests.append((split.path, query))
        fault = api.faults.popleft() if api.faults else None
        if fault is HANG:
            api.closing.wait()
            self.close_connection = True
        elif isinstance(fault, bytes):
            self._body(200, "application/json", fault)
        elif fault:
            self._json(fault, status(fault, f"scripted {fault}"))
        elif api.token and self.headers.get("Authorization") != f"Bearer {api.token}":
            self._json(401, status(401, "Unauthorized"))
        elif split.path in api.pages:
            self._page(split.path)
        else:
            self._objects(split.path, query)

    def _page(self, path):
        if self._allows("get", "nodes/proxy"):
            self._body(200, "text/plain; version=0.0.4", self.server.api.pages[path])

    def _objects(self, path, query):
        *within, plural = path.removeprefix("/api/v1/").split("/")
        namespace = within[1] if within else ""
        verb = "watch" if query.get("watch") in {"true", "1"} else "list"
        if not self._allows(verb, plural):
            return
        if verb == "list":
            self._json(*self.server.api.page(plural, namespace, query))
        else:
            self._watch(plural, namespace, query)

    def _allows(self, verb, what):
        allows = self.server.api.allows(verb, what)
        if not allows:
            user = "system:serviceaccount:kubecost:otel-kubecost"
            message = f'{what} is forbidden: User "{user}" cannot {verb} resource "{what}"'
            self._json(403, status(403, message))
        return allows

    def _json(self, code, content):
        self._body(code, "application/json", json.dumps(content).encode())

    def _body(self, code, kind, body):
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _watch(self, plural, namespace, query):
        api = self.server.api
        watch = api.watch(plural, query)
        if watch is None:
            self._json(410, status(410, "too old resource version"))
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(OSError):
            self._follow(watch, namespace, query)
        api.leave(watch)

    def _follow(self, watch, namespace, query):
        while line := watch.next_line(namespace, query):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        if not watch.is_cut:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = watch.is_cut
