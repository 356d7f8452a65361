"""What users write of targets that a Kubernetes API server knows, in Prometheus' words."""

from __future__ import annotations

from typing import Literal, Self, TypeAlias

from pydantic import AliasChoices, Field, model_validator

from otel_kubecost.config.options import Options, Text
from otel_kubecost.http.config import AuthOptions, EndpointURL, ProxyURL, TLSConfig

Role: TypeAlias = Literal["pod", "service", "endpoints", "node"]

READS: dict[str, tuple[Role, ...]] = {
    "pod": ("pod",),
    "service": ("service",),
    "endpoints": ("endpoints", "service", "pod"),
    "node": ("node",),
}
"""The kinds of object that a role looks at."""


class Namespaces(Options):
    """Where to look; everywhere if nothing is given."""

    names: tuple[Text, ...] = Field(
        (), description="Namespaces to look in.", examples=[["kubecost", "monitoring"]]
    )
    own_namespace: bool = Field(False, description="True: also in the one of this pod.")


class Selector(Options):
    """Objects that count; the API server leaves out all others."""

    role: Role = Field(description="Kind of object.", examples=["pod"])
    label: Text | None = Field(
        None, description="Selector of labels.", examples=["app.kubernetes.io/part-of=kubecost"]
    )
    field: Text | None = Field(
        None, description="Selector of fields.", examples=["spec.nodeName=node-1"]
    )


class AttachMetadata(Options):
    """What is added from objects around a target."""

    node: bool = Field(False, description="True: labels of the node that a pod runs on.")


class KubernetesSDConfig(AuthOptions):
    """Targets of one role, from the API server; without ``api_server`` that of the own cluster."""

    role: Role = Field(description="What becomes a target.", examples=["pod"])
    api_server: EndpointURL | None = Field(
        None,
        description="URL of the API server of another cluster.",
        examples=["https://kubernetes.example.com:6443"],
    )
    namespaces: Namespaces = Field(
        default_factory=Namespaces, description="Where to look; not for nodes."
    )
    selectors: tuple[Selector, ...] = Field(
        (),
        description="Objects that count, one selector for each kind.",
        examples=[[{"role": "pod", "field": "spec.nodeName=node-1"}]],
    )
    attach_metadata: AttachMetadata = Field(
        default_factory=AttachMetadata, description="What is added from other objects."
    )
    tls_config: TLSConfig = Field(
        default_factory=TLSConfig,
        validation_alias=AliasChoices("tls_config", "tls"),
        description="TLS of api_server.",
    )
    proxy_url: ProxyURL | None = Field(
        None, description="Proxy to api_server.", examples=["http://proxy.example.com:3128"]
    )

    @model_validator(mode="after")
    def _credentials_of_another(self) -> Self:
        theirs = (*AuthOptions.model_fields, "tls_config", "proxy_url")
        given = [name for name in theirs if name in self.model_fields_set]
        if given and self.api_server is None:
            what = " and ".join(given)
            raise ValueError(f"{what} belong to an api_server; add it, or leave them out")
        return self

    @model_validator(mode="after")
    def _selectors_of_the_role(self) -> Self:
        roles = [selector.role for selector in self.selectors]
        strange = set(roles) - set(READS[self.role])
        if strange:
            what = f"role {self.role} looks at no {' and no '.join(sorted(strange))}"
            raise ValueError(f"{what}; selectors are for {', '.join(READS[self.role])}")
        if len(set(roles)) < len(roles):
            raise ValueError("there are two selectors of one role; join them with a comma")
        return self
