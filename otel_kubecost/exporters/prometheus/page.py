"""The text of a snapshot, made when somebody first asks for it, and what is said anew each time."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property

from otel_kubecost.exporters.series.exposition import header, render
from otel_kubecost.exporters.series.merge import each_series_once
from otel_kubecost.exporters.series.model import ScopeFamilies

_GZIP_LEVEL = 2
"""0.2 s for the 35 MB of 300,000 series, which then are 6.7 MB; level 6 takes 0.5 s for 6.1 MB."""
_GZIP_FORMAT = 16 + zlib.MAX_WBITS


class Page:
    """What ``/metrics`` answers as long as nothing new arrives; made once, however many ask.

    ``own`` is asked at every scrape, and what it gives stands at the end: the agent's own metrics
    are of this moment.
    """

    def __init__(
        self,
        scopes: Sequence[ScopeFamilies],
        own: Callable[[], Sequence[ScopeFamilies]] = tuple,
    ) -> None:
        self._scopes = scopes
        self._own = own
        self._lock = threading.Lock()
        self._text: bytes | None = None
        self._begun: tuple[bytes, zlib._Compress] | None = None

    def text(self) -> bytes:
        own = self._own()
        if self._names_one_of(own):
            return Page([*self._scopes, *own]).text()
        with self._lock:
            return self._made() + _rendered(own)

    def compressed(self) -> bytes:
        """The text in gzip: one member of it, since curl reads no second one (curl#22156)."""
        own = self._own()
        if self._names_one_of(own):
            return Page([*self._scopes, *own]).compressed()
        with self._lock:
            begun, compressor = self._begun = self._begun or self._compress()
            rest = compressor.copy()
        return begun + rest.compress(_rendered(own)) + rest.flush()

    def _names_one_of(self, own: Sequence[ScopeFamilies]) -> bool:
        """A family stands on a page once: where others bring one of ours, it is made anew."""
        return any(header(family) in self._names for scope in own for family in scope.families)

    @cached_property
    def _names(self) -> set[str]:
        return {header(family) for scope in self._scopes for family in scope.families}

    def _made(self) -> bytes:
        if self._text is None:
            self._text = _rendered(self._scopes)
        return self._text

    def _compress(self) -> tuple[bytes, zlib._Compress]:
        """The beginning, and what can go on after it."""
        compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_FORMAT)
        begun = compressor.compress(self._made()) + compressor.flush(zlib.Z_SYNC_FLUSH)
        return begun, compressor


def _rendered(scopes: Sequence[ScopeFamilies]) -> bytes:
    once = each_series_once(scopes) if scopes else ()
    return render(family for scope in once for family in scope.families) if once else b""
