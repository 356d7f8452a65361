"""Names of earlier files, as the Collector's: ``metrics-2026-03-01T12-00-00.000.json``, in UTC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from otel_kubecost.exporters.otlp_json_file.config import RotationOptions

_DAY = 86_400_000
"""Milliseconds, in which all times are here."""


def new_backup(path: Path, now: float) -> Path:
    """What ``path`` shall be called that is full at ``now``, in seconds since the epoch.

    Later than all others, also where the clock was put back: the first ones are deleted first.
    """
    latest = max((time for time, _ in _backups(path)), default=0)
    return _named(path, max(round(now * 1000), latest + 1))


def outdated(path: Path, rotation: RotationOptions, now: float) -> Sequence[Path]:
    """The earlier files of ``path`` that are too many or too old."""
    newest_first = sorted(_backups(path), reverse=True)
    stay = newest_first[: rotation.max_backups or None]
    if rotation.max_days:
        oldest = round(now * 1000) - rotation.max_days * _DAY
        stay = [one for one in stay if one[0] >= oldest]
    return [backup for _, backup in newest_first[len(stay) :]]


def _backups(path: Path) -> Iterator[tuple[int, Path]]:
    """With their times. Whatever else lies there is of somebody else."""
    for one in path.parent.iterdir():
        time = _time(one.name.removeprefix(path.stem).removesuffix(path.suffix))
        if time is not None and one == _named(path, time):
            yield time, one


def _time(stamp: str) -> int | None:
    try:
        time = datetime.strptime(f"{stamp}+0000", "-%Y-%m-%dT%H-%M-%S.%f%z")
    except ValueError:
        return None
    return round(time.timestamp() * 1000)


def _named(path: Path, time: int) -> Path:
    seconds, rest = divmod(time, 1000)
    stamp = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H-%M-%S}.{rest:03}"
    return path.with_name(f"{path.stem}-{stamp}{path.suffix}")
