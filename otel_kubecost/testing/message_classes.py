"""Classes of messages that no installed package brings along, made of tables of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory


def class_of(package: str, name: str, fields: Mapping[str, str]) -> Any:
    """The class of message ``name``; ``fields`` are of each message of the ``package``.

    They are written ``name=number:type``, with a star where there may be more than one.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto", package=package, syntax="proto3"
    )
    for each, texts in fields.items():
        message = file.message_type.add(name=each)
        for text in texts.split():
            _add_field(message, package, text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def _add_field(message: descriptor_pb2.DescriptorProto, package: str, text: str) -> None:
    declared, _, kind = text.partition(":")
    name, _, number = declared.partition("=")
    field = message.field.add(name=name, number=int(number))
    scalar = f"TYPE_{kind.rstrip('*').upper()}"
    field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
    if scalar in field.Type.keys():  # noqa: SIM118  an enumeration is no mapping
        field.type = field.Type.Value(scalar)
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{package}.{kind.rstrip('*')}"
