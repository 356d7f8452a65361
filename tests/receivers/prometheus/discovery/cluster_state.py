"""What an API server knows: objects, the versions of their changes, and who watches them."""

from __future__ import annotations

import json
import queue
import threading
from collections import Counter


class ClusterState:
    """Objects by plural and key. Safe to use from several threads."""

    def __init__(self, page_size):
        self.page_size = page_size
        self.opened = Counter()
        """Watches that were answered, by plural."""
        self._objects = {plural: {} for plural in ("pods", "services", "endpoints", "nodes")}
        self._events = []
        self._version = 100
        self._oldest = 0
        self._changed = threading.Condition()
        self._watches = set()
        self._is_closed = False

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
        """What happens while nobody can know: no watch tells of it, and none can go on."""
        with self._changed:
            self._objects[plural] = {_key(found): found for found in objects}
            self._version += 1
            self._forget()

    def forget(self):
        """Whoever goes on from a version before now has to list again."""
        with self._changed:
            self._version += 1
            self._forget()

    def _forget(self):
        self._oldest = self._version
        self._events.clear()

    def bookmark(self):
        """Tell all watches how far they are, and count on from there."""
        with self._changed:
            self._version += 1
            metadata = {"resourceVersion": str(self._version)}
        self.say({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": metadata}})

    def expire(self):
        """Tell all watches that their version is too old, as it comes in the middle of one."""
        self.forget()
        self.say({"type": "ERROR", "object": status(410, "too old resource version")})

    def say(self, line):
        """Send ``line``, bytes or what is written as JSON, on every watch."""
        text = line if isinstance(line, bytes) else json.dumps(line).encode()
        with self._changed:
            for watch in self._watches:
                watch.lines.put((None, text + b"\n"))

    def end_watches(self, *, cut=False, plural=None):
        """As they end in time, or in the middle of the answer."""
        with self._changed:
            for watch in self._watches:
                if plural in {None, watch.plural}:
                    watch.end(is_cut=cut)

    def close(self):
        with self._changed:
            self._is_closed = True
        self.end_watches(cut=True)

    def reopen(self):
        self._is_closed = False

    def page(self, plural, namespace, query):
        """Status and content of a list."""
        with self._changed:
            start, version = 0, self._version
            if "continue" in query:
                start, version = map(int, query["continue"].split("@"))
                if version < self._oldest:
                    return 410, status(410, "the continue token is too old")
            found = [one for one in self._objects[plural].values() if fits(one, namespace, query)]
            end = start + min(int(query.get("limit", len(found))), self.page_size)
            metadata = {"resourceVersion": str(version)}
            if end < len(found) and "limit" in query:
                metadata["continue"] = f"{end}@{version}"
            items = found[start:end] or None  # as Go writes an empty list
            return 200, {"kind": "List", "metadata": metadata, "items": items}

    def watch(self, plural, query):
        """A watch that has first what came before; None where that is forgotten."""
        with self._changed:
            after = int(query["resourceVersion"])
            if after < self._oldest:
                return None
            watch = Watch(plural, float(query["timeoutSeconds"]))
            for version, of, found, line in self._events:
                if version > after and of == plural:
                    watch.lines.put((found, line))
            if self._is_closed:
                watch.end(is_cut=True)
            self._watches.add(watch)
            self.opened[plural] += 1
            self._changed.notify_all()
            return watch

    def leave(self, watch):
        with self._changed:
            self._watches.discard(watch)

    def wait_for_watches(self, count, plural=None):
        """Until so many watches were opened."""

        def opened():
            return self.opened[plural] if plural else self.opened.total()

        with self._changed:
            assert self._changed.wait_for(lambda: opened() >= count, 10), self.opened

    def _happen(self, plural, sort, found):
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)
        line = json.dumps({"type": sort, "object": found}).encode() + b"\n"
        self._events.append((self._version, plural, found, line))
        for watch in self._watches:
            if watch.plural == plural:
                watch.lines.put((found, line))


class Watch:
    def __init__(self, plural, seconds):
        self.plural = plural
        self.is_cut = False
        self.lines = queue.SimpleQueue()
        """Pairs of the object, None where it is of all watches, and the line."""
        self._seconds = seconds

    def end(self, *, is_cut):
        self.is_cut = is_cut
        self.lines.put((None, b""))

    def next_line(self, namespace, query):
        """Empty when it is over."""
        while True:
            try:
                found, line = self.lines.get(timeout=self._seconds)
            except queue.Empty:
                return b""
            if found is None or fits(found, namespace, query):
                return line


def fits(found, namespace, query):
    """Whether an object is in the namespace and selected."""
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


def status(code, message):
    return {"kind": "Status", "status": "Failure", "code": code, "message": message}


def _key(found):
    metadata = found["metadata"]
    return "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
