"""What a relabel rule does to the labels of one series, as ``relabel`` of Prometheus has it. Pure.

Labels are a dict that is changed in place; a label without a value is none. In one case less is
done than in Prometheus: ``labelmap`` makes no label whose name remote write 1.0 does not allow.
"""

from __future__ import annotations

import hashlib
from typing import TypeAlias

from otel_kubecost.relabel.expansion import expand
from otel_kubecost.relabel.rule import RelabelRule, is_label_name

_Labels: TypeAlias = dict[str, str]


def apply_rule(rule: RelabelRule, labels: _Labels) -> bool:
    """Change ``labels`` as ``rule`` says; whether their series stays."""
    match rule.action:
        case "keep" | "drop" | "keepequal" | "dropequal":
            return _stays(rule, labels)
        case "replace":
            _replace(rule, labels)
        case "hashmod":
            _write(labels, rule.target_label, str(_hash(_joined(rule, labels)) % rule.modulus))
        case "lowercase":
            _write(labels, rule.target_label, lower_case(_joined(rule, labels)))
        case "uppercase":
            _write(labels, rule.target_label, upper_case(_joined(rule, labels)))
        case "labelmap":
            _map_names(rule, labels)
        case "labeldrop" | "labelkeep":
            for name in filter(rule.touches, list(labels)):
                del labels[name]
    return True


def _joined(rule: RelabelRule, labels: _Labels) -> str:
    return rule.separator.join(labels.get(name, "") for name in rule.source_labels)


def _write(labels: _Labels, name: str, value: str) -> None:
    if value:
        labels[name] = value
    else:
        labels.pop(name, None)


def _stays(rule: RelabelRule, labels: _Labels) -> bool:
    value = _joined(rule, labels)
    if rule.action.endswith("equal"):
        agrees = value == labels.get(rule.target_label, "")
    else:
        agrees = rule.regex.groups(value) is not None
    return agrees is rule.action.startswith("keep")


def _replace(rule: RelabelRule, labels: _Labels) -> None:
    groups = rule.regex.groups(_joined(rule, labels))
    if groups is None:
        return
    target = expand(rule.target_label, groups)
    if is_label_name(target):
        _write(labels, target, expand(rule.replacement, groups))


def _map_names(rule: RelabelRule, labels: _Labels) -> None:
    for name, value in list(labels.items()):
        groups = rule.regex.groups(name)
        mapped = expand(rule.replacement, groups) if groups is not None else ""
        if is_label_name(mapped):
            labels[mapped] = value


def _hash(text: str) -> int:
    """The second half of the MD5, big-endian."""
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[8:], "big")


# Go changes the case of each character by itself, and into one character; Python knows the rules
# of words and of longer spellings too (ΑΣ is ας to it, and ß is SS).


def lower_case(text: str) -> str:
    """``strings.ToLower`` of Go."""
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


def upper_case(text: str) -> str:
    """``strings.ToUpper`` of Go."""
    return text.upper() if text.isascii() else "".join(map(_upper_letter, text))


def _upper_letter(letter: str) -> str:
    # A letter with an iota below has one for titles alone, which is its simple upper case.
    candidates = (letter.upper(), letter.title(), letter)
    return next(one for one in candidates if len(one) == 1)
