"""A discovery that follows a fake API server, quicker than others would."""

from __future__ import annotations

import time
from contextlib import contextmanager

from otel_kubecost.config.problems import build_options
from otel_kubecost.receivers.prometheus.discovery.kubernetes.discovery import KubernetesDiscovery
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import KubernetesSDConfig
from otel_kubecost.receivers.prometheus.discovery.kubernetes.watcher import Pace

QUICK = Pace(first=0.02, longest=0.1)


@contextmanager
def following(api, role="pod", pace=QUICK, **options):
    """A discovery of ``role`` at ``api``, as whoever has its token."""
    if api.token:
        options.setdefault("authorization", {"credentials": api.token})
    config = build_options(KubernetesSDConfig, {"role": role, "api_server": api.url, **options})
    discovery = KubernetesDiscovery(config, pace=pace)
    discovery.start()
    try:
        yield discovery
    finally:
        discovery.shutdown()


def until(condition, seconds=10.0):
    """The first true value of ``condition()``."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, condition
        time.sleep(0.005)
    return value


def addresses(discovery):
    """Of all targets, sorted."""
    return sorted(target["__address__"] for group in discovery.groups() for target in group.targets)


def until_known(discovery, *expected):
    """Until these are the addresses, and no others."""
    until(lambda: addresses(discovery) == sorted(expected))
