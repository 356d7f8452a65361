"""Targets that a Kubernetes API server knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from otel_kubecost.config.environment import environment
from otel_kubecost.http.session import HTTPClient
from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.kubernetes.access import (
    ACCOUNT,
    Access,
    access_to,
    namespaces_of,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.asking import Question
from otel_kubecost.receivers.prometheus.discovery.kubernetes.board import Board
from otel_kubecost.receivers.prometheus.discovery.kubernetes.kinds import KINDS
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import (
    KubernetesSDConfig,
    Role,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.roles import rules_of
from otel_kubecost.receivers.prometheus.discovery.kubernetes.watcher import Pace, Watcher


class KubernetesDiscovery:
    """One entry of ``kubernetes_sd_configs``: a thread for each kind and namespace that it reads.

    What was known stays known while the API server does not answer.
    """

    def __init__(
        self, config: KubernetesSDConfig, *, account: Path = ACCOUNT, pace: Pace | None = None
    ) -> None:
        """``account`` is where the files of the pod's service account are."""
        self._config = config
        self._account = account
        self._pace = pace or Pace()
        self._rules = rules_of(config.role, with_node=config.attach_metadata.node)
        self._boards: tuple[Board, ...] = ()
        self._watchers: tuple[Watcher, ...] = ()
        self._parts: tuple[Sequence[TargetGroup], ...] = ()
        self._groups: Sequence[TargetGroup] = ()
        self._client: HTTPClient | None = None

    @property
    def failure(self) -> str | None:
        return next((one.failure for one in self._watchers if one.failure), None)

    def start(self) -> None:
        """Twice is once. Raises ConfigError where no API server is named and this is no pod."""
        if self._watchers:
            return
        access = access_to(self._config, environment(), self._account)
        namespaces = namespaces_of(self._config.namespaces, self._account)
        if not KINDS[self._config.role].is_namespaced:
            namespaces = ("",)
        boards = {namespace: Board(self._rules) for namespace in namespaces}
        self._boards = tuple(boards.values())
        self._client = HTTPClient(access.options)
        self._watchers = tuple(
            watcher
            for kind in self._rules.reads
            for watcher in self._watchers_of(kind, boards, access, self._client)
        )
        for watcher in self._watchers:
            watcher.start()

    def _watchers_of(
        self, kind: Role, boards: dict[str, Board], access: Access, client: HTTPClient
    ) -> list[Watcher]:
        """One a namespace; what is in none is watched once for all boards."""
        selector = next((one for one in self._config.selectors if one.role == kind), None)
        found = KINDS[kind]
        users = (
            {namespace: [board] for namespace, board in boards.items()}
            if found.is_namespaced
            else {"": list(boards.values())}
        )
        return [
            Watcher(
                Question(client, access.url, found, namespace, selector), kind, each, self._pace
            )
            for namespace, each in users.items()
        ]

    def shutdown(self) -> None:
        for watcher in self._watchers:
            watcher.stop()
        if self._client:
            self._client.close()

    def groups(self) -> Sequence[TargetGroup]:
        parts = tuple(board.groups() for board in self._boards)
        if len(parts) != len(self._parts) or any(map(_differs, parts, self._parts)):
            self._parts = parts
            self._groups = tuple(group for part in parts for group in part)
        return self._groups


def _differs(one: object, other: object) -> bool:
    return one is not other
