"""Which API server is asked, and as whom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from otel_kubecost.errors import ConfigError
from otel_kubecost.http.config import AuthOptions, HTTPOptions, TLSConfig
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import (
    KubernetesSDConfig,
    Namespaces,
)

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where Kubernetes mounts token, CA and namespace of a pod's service account."""

_HOST, _PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"


class Access(NamedTuple):
    url: str
    """Without a slash at its end."""
    options: HTTPOptions


def access_to(config: KubernetesSDConfig, environ: Mapping[str, str], account: Path) -> Access:
    """The API server of ``config``; where it names none, that of the cluster this pod is in.

    The token is read again as Kubernetes renews it. Raises ConfigError outside of a cluster.
    """
    if config.api_server is None:
        return Access(_own_server(environ), _own_options(account))
    auth = {name: getattr(config, name) for name in AuthOptions.model_fields}
    options = HTTPOptions(**auth, tls_config=config.tls_config, proxy_url=config.proxy_url)
    return Access(config.api_server.rstrip("/"), options)


def namespaces_of(namespaces: Namespaces, account: Path) -> tuple[str, ...]:
    """Where to look, ``""`` for everywhere. Raises ConfigError if the own one is not known."""
    names = dict.fromkeys(namespaces.names)
    if namespaces.own_namespace:
        names[_own_namespace(account)] = None
    return tuple(names) or ("",)


def _own_server(environ: Mapping[str, str]) -> str:
    host, port = environ.get(_HOST), environ.get(_PORT)
    if not host or not port:
        message = f"no API server: {_HOST} and {_PORT} are not set, so this is no pod"
        raise ConfigError.at("kubernetes_sd_configs", message, "set api_server")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _own_options(account: Path) -> HTTPOptions:
    tls = TLSConfig(ca_file=account / "ca.crt")
    return HTTPOptions(bearer_token_file=account / "token", tls_config=tls)


def _own_namespace(account: Path) -> str:
    path = account / "namespace"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        message = f"own_namespace is not known: {path} cannot be read ({error.strerror})"
        raise ConfigError.at("kubernetes_sd_configs", message, "write it into names") from None
