"""A Kubernetes API server, as far as discovery asks one: lists in pages, watches, tokens, RBAC.

It is a real HTTP server. Every change has a version; a watch replays what came after its own and
waits for more in a chunked answer. What is asked without a right to it is refused with 403.
"""

from __future__ import annotations

import json
import queue
import ssl
import threading
from collections import Counter, deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from cluster_rights import RBAC, Right, rights_in

TOKEN = "eyJhbGciOi.token.of-the-account"
METRICS = b"# a page\nup_to_date 1\n"


class KubernetesApi:
    """Objects by plural and key; ``requests`` has path and query of each request."""

    def __init__(self, *, tls=None, page_size=500, rights=None, token=TOKEN):
        self.rights = rights_in(RBAC.read_text()) if rights is None else rights
        self.token = token
        self.page_size = page_size
        self.used = set()
        self.requests = []
        self.statuses = deque()
        """Of the next answers, whatever is asked."""
        self.opened = Counter()
        """Watches that were answered, by plural."""
        self._objects = {plural: {} for plural in ("pods", "services", "endpoints", "nodes")}
        self._events = []
        self._version = 100
        self._oldest = 0
        self._changed = threading.Condition()
        self._watches = set()
        self._tls = tls

    def __enter__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._server.daemon_threads = True
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.certificate, self._tls.key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        scheme = "https" if self._tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.end_watches()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def put(self, plural, *objects):
        """Create them, or replace those that there are."""
        with self._changed:
            for found in objects:
                key = _key(found)
                sort = "MODIFIED" if key in self._objects[plural] else "ADDED"
                self._happen(plural, sort, found)
                self._objects[plural][key] = found

    def delete(self, plural, key):
        with self._changed:
            self._happen(plural, "DELETED", self._objects[plural].pop(key))

    def replace_all(self, plural, *objects):
        """What happens while nobody can know: no watch tells of it."""
        with self._changed:
            self._objects[plural] = {_key(found): found for found in objects}
            self._version += 1
            self._oldest = self._version
            self._events.clear()

    def forget(self):
        """Whoever goes on from a version before now has to list again."""
        with self._changed:
            self._oldest = self._version
            self._events.clear()

    def bookmark(self):
        """Tell all watches how far they are, and count on from there."""
        with self._changed:
            self._version += 1
            metadata = {"resourceVersion": str(self._version)}
            line = {"type": "BOOKMARK", "object": {"metadata": metadata}}
        self.say(json.dumps(line).encode() + b"\n")

    def say(self, line):
        """Send ``line`` on every watch."""
        with self._changed:
            for watch in self._watches:
                watch.lines.put((None, line))

    def end_watches(self, *, cut=False):
        """As they end in time, or in the middle of the answer."""
        with self._changed:
            for watch in self._watches:
                watch.is_cut = cut
                watch.lines.put((None, b""))

    def count(self, **asked):
        """Requests with these parameters; None: without it."""
        return sum(
            all(query.get(name) == value for name, value in asked.items())
            for _, query in self.requests
        )

    def _happen(self, plural, sort, found):
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)
        line = json.dumps({"type": sort, "object": found}).encode() + b"\n"
        self._events.append((self._version, plural, found, line))
        for watch in self._watches:
            if watch.plural == plural:
                watch.lines.put((found, line))

    def page(self, plural, namespace, query):
        """Status and body of a list."""
        with self._changed:
            start, version = 0, self._version
            if "continue" in query:
                start, version = map(int, query["continue"].split("@"))
                if version < self._oldest:
                    return 410, _status(410, "the continue token is too old")
            found = [one for one in self._objects[plural].values() if _fits(one, namespace, query)]
            end = start + min(int(query.get("limit", 500)), self.page_size)
            metadata = {"resourceVersion": str(version)}
            if end < len(found):
                metadata["continue"] = f"{end}@{version}"
            items = found[start:end] or None  # as Go writes an empty list
            return 200, {"kind": "List", "metadata": metadata, "items": items}

    def watch(self, plural, query):
        """A watch that has first what came before; None where that is forgotten."""
        with self._changed:
            after = int(query["resourceVersion"])
            if after < self._oldest:
                return None
            watch = _Watch(plural, float(query["timeoutSeconds"]))
            for version, of, found, line in self._events:
                if version > after and of == plural:
                    watch.lines.put((found, line))
            self._watches.add(watch)
            self.opened[plural] += 1
            self._changed.notify_all()
            return watch

    def leave(self, watch):
        with self._changed:
            self._watches.discard(watch)

    def wait_for_watches(self, count, plural=None):
        """Until so many watches were opened."""
        with self._changed:
            seen = lambda: self.opened[plural] if plural else self.opened.total()  # noqa: E731
            assert self._changed.wait_for(lambda: seen() >= count, 10), self.opened

    def allows(self, verb, what):
        right = Right(verb, what)
        if right in self.rights:
            self.used.add(right)
        return right in self.rights


class _Watch:
    def __init__(self, plural, seconds):
        self.plural = plural
        self.is_cut = False
        self.lines = queue.Queue()
        """Pairs of the object, None where it is of all watches, and the line."""
        self._seconds = seconds

    def next_line(self, fits):
        """Empty when it is over."""
        while True:
            try:
                found, line = self.lines.get(timeout=self._seconds)
            except queue.Empty:
                return b""
            if found is None or fits(found):
                return line


def _key(found):
    metadata = found["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))


def _fits(found, namespace, query):
    metadata = found["metadata"]
    if namespace and metadata["namespace"] != namespace:
        return False
    for pair in filter(None, query.get("labelSelector", "").split(",")):
        name, _, value = pair.partition("=")
        if metadata.get("labels", {}).get(name) != value:
            return False
    for pair in filter(None, query.get("fieldSelector", "").split(",")):
        path, _, value = pair.partition("=")
        part = found
        for step in path.split("."):
            part = part.get(step, {})
        if part != value:
            return False
    return True


def _status(code, message):
    return {"kind": "Status", "status": "Failure", "code": code, "message": message}


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
        if api.statuses:
            code = api.statuses.popleft()
            self._json(code, _status(code, f"scripted {code}"))
        elif api.token and self.headers.get("Authorization") != f"Bearer {api.token}":
            self._json(401, _status(401, "Unauthorized"))
        elif split.path == "/metrics" and self.headers["Host"] == f"127.0.0.1:{api.port}":
            self._page_of("/metrics")
        elif split.path.startswith("/metrics"):
            self._page_of("nodes/metrics")  # kubelets ask whether the account has that
        elif "/proxy/" in split.path:
            self._page_of("nodes/proxy")
        else:
            self._objects(split.path, query)

    def _page_of(self, what):
        if self._allows("get", what):
            self._body(200, "text/plain", METRICS)

    def _objects(self, path, query):
        *within, plural = path.removeprefix("/api/v1/").split("/")
        namespace = within[1] if within else ""
        verb = "watch" if query.get("watch") in {"true", "1"} else "list"
        if self._allows(verb, plural) and verb == "list":
            self._json(*self.server.api.page(plural, namespace, query))
        elif self._allows(verb, plural):
            self._watch(plural, namespace, query)

    def _allows(self, verb, what):
        allows = self.server.api.allows(verb, what)
        if not allows:
            user = "system:serviceaccount:kubecost:otel-kubecost"
            message = f'{what} is forbidden: User "{user}" cannot {verb} resource "{what}"'
            self._json(403, _status(403, message))
        return allows

    def _json(self, status, content):
        self._body(status, "application/json", json.dumps(content).encode())

    def _body(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _watch(self, plural, namespace, query):
        api = self.server.api
        watch = api.watch(plural, query)
        if watch is None:
            self._json(410, _status(410, "too old resource version"))
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with suppress(OSError):
            self._follow(watch, lambda found: _fits(found, namespace, query))
        api.leave(watch)

    def _follow(self, watch, fits):
        while line := watch.next_line(fits):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        if not watch.is_cut:
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = watch.is_cut
