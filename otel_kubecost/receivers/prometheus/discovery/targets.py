"""From groups of targets to what is scraped: ``PopulateLabels`` of Prometheus 2.42. Pure.

Labels of a target begin with what its discovery found. The job adds what it has defaults for
(``__scheme__``, ``__metrics_path__``, ``__param_<name>``, ``__scrape_interval__``,
``__scrape_timeout__``, ``job``), ``relabel_configs`` change any of them or drop the target, and
what is left says where and how often to scrape. Labels that begin with ``__`` end there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol
from urllib.parse import quote, urlencode

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.lengths import length_text, parse_length
from otel_kubecost.relabel.labels import apply_rule
from otel_kubecost.relabel.rule import RelabelRule

_ADDRESS, _SCHEME, _PATH = "__address__", "__scheme__", "__metrics_path__"
_PARAMETER = "__param_"
_INTERVAL, _TIMEOUT = "__scrape_interval__", "__scrape_timeout__"
_DEFAULT_PORTS = {"": "80", "http": "80", "https": "443"}

_WITH_PORT = re.compile(r"(?:\[[^\[\]]*\]|[^\[\]:]*):[^\[\]:]*", re.DOTALL)
"""What ``net.SplitHostPort`` of Go can split."""
_KEPT_IN_PATH = "/$&+,:;=@"
_KEPT_IN_HOST = "!$&'()*+,;=:[]<>\""
"""What ``url.String`` of Go does not escape, beside letters, digits and ``-_.~``."""


class Job(Protocol):
    """What a ``scrape_config`` says of all its targets; times are seconds."""

    @property
    def job_name(self) -> str: ...
    @property
    def scrape_interval(self) -> float: ...
    @property
    def scrape_timeout(self) -> float: ...
    @property
    def metrics_path(self) -> str: ...
    @property
    def scheme(self) -> str: ...
    @property
    def params(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def relabel_configs(self) -> Sequence[RelabelRule]: ...


@dataclass(frozen=True, slots=True)
class Target:
    """One page to scrape."""

    url: str
    """With the parameters of its query."""
    labels: Mapping[str, str]
    """What its series get; none begins with ``__``. ``instance`` is always there."""
    interval: float
    """Seconds, and so is ``timeout``."""
    timeout: float
    identity: str
    """Of URL and labels: targets that Prometheus takes for one have the same."""
    discovered: Mapping[str, str]
    """Labels as they were before ``relabel_configs``."""


class _RefusedError(ValueError):
    """A target cannot be scraped; the message says why."""


def targets_of(
    job: Job, groups: Iterable[TargetGroup], refused: list[str] | None = None
) -> list[Target]:
    """What ``job`` scrapes of ``groups``, each once.

    A target that cannot be scraped is left out; ``refused`` gets a sentence on each.
    """
    refusals = [] if refused is None else refused
    found = (target for group in groups for target in targets_of_group(job, group, refusals))
    return distinct(found)


def distinct(targets: Iterable[Target]) -> list[Target]:
    """One of each identity, at the place of the first."""
    return list({target.identity: target for target in targets}.values())


def targets_of_group(job: Job, group: TargetGroup, refused: list[str]) -> Iterator[Target]:
    """Those of ``group`` that are kept, repeated ones too."""
    for place, own in enumerate(group.targets):
        try:
            target = _target(job, {**group.labels, **own})
        except _RefusedError as error:
            where = f"target {place} of {group.source} in job {job.job_name}"
            refused.append(f"{where} is not scraped: {error}")
        else:
            if target is not None:
                yield target


def _target(job: Job, found: Mapping[str, str]) -> Target | None:
    discovered = _with_defaults(job, found)
    labels = dict(discovered)
    if not all(apply_rule(rule, labels) for rule in job.relabel_configs):
        return None
    if not labels.get(_ADDRESS):
        raise _RefusedError("it has no __address__ after relabel_configs")
    address = labels[_ADDRESS] = _with_port(labels)
    interval, timeout = _lengths(labels)
    labels = {name: value for name, value in labels.items() if not name.startswith("__meta_")}
    labels.setdefault("instance", address)
    _check_values(labels)
    url = _url(labels, job.params)
    own = {name: value for name, value in labels.items() if not name.startswith("__")}
    return Target(url, own, interval, timeout, _identity(labels, url), discovered)


def _with_defaults(job: Job, found: Mapping[str, str]) -> dict[str, str]:
    defaults = {
        "job": job.job_name,
        _INTERVAL: length_text(job.scrape_interval),
        _TIMEOUT: length_text(job.scrape_timeout),
        _PATH: job.metrics_path,
        _SCHEME: job.scheme,
    }
    given = {name: value for name, value in found.items() if value}
    parameters = {_PARAMETER + name: values[0] for name, values in job.params.items() if values}
    both = {**defaults, **given, **parameters}
    return {name: value for name, value in both.items() if value}


def _with_port(labels: Mapping[str, str]) -> str:
    address, scheme = labels[_ADDRESS], labels.get(_SCHEME, "")
    if not _WITH_PORT.fullmatch(address) and _WITH_PORT.fullmatch(f"{address}:1234"):
        if scheme not in _DEFAULT_PORTS:
            raise _RefusedError(f"__scheme__ is {scheme!r}; it has to be http or https")
        address = f"{address}:{_DEFAULT_PORTS[scheme]}"
    if "/" in address:
        raise _RefusedError(f"__address__ is {address!r}; it has to be host:port, without a path")
    return address


def _lengths(labels: Mapping[str, str]) -> tuple[float, float]:
    interval, timeout = _length(labels, _INTERVAL), _length(labels, _TIMEOUT)
    if timeout > interval:
        text = f"{labels[_TIMEOUT]} is longer than {_INTERVAL} {labels[_INTERVAL]}"
        raise _RefusedError(f"{_TIMEOUT} {text}")
    return interval, timeout


def _length(labels: Mapping[str, str], name: str) -> float:
    try:
        length = parse_length(labels.get(name, ""))
    except ValueError as error:
        raise _RefusedError(f"{name}: {error}") from None
    if not length:
        raise _RefusedError(f"{name} is 0; it has to be longer")
    return length


def _check_values(labels: Mapping[str, str]) -> None:
    for name, value in labels.items():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _RefusedError(f"the value of label {name} is not UTF-8 text") from None


def _url(labels: Mapping[str, str], params: Mapping[str, Sequence[str]]) -> str:
    """As Go writes it. Relabelling changes the first value of a parameter, or adds one."""
    query = {name: list(values) for name, values in params.items()}
    for label, value in labels.items():
        if label.startswith(_PARAMETER):
            name = label.removeprefix(_PARAMETER)
            query[name] = [value, *query.get(name, [])[1:]]
    scheme, path = labels.get(_SCHEME, ""), labels.get(_PATH, "")
    path = path if path == "*" else quote(path, safe=_KEPT_IN_PATH)
    host = quote(labels[_ADDRESS], safe=_KEPT_IN_HOST)
    slash = "/" if path and not path.startswith("/") else ""
    base = f"{scheme}://{host}" if scheme else f"//{host}"
    encoded = urlencode(sorted(query.items()), doseq=True)
    return f"{base}{slash}{path}" + (f"?{encoded}" if encoded else "")


def _identity(labels: Mapping[str, str], url: str) -> str:
    written = repr((sorted(labels.items()), url))
    return blake2b(written.encode(), digest_size=16).hexdigest()
