"""What the tests of pages share: a reader, and its metrics as the series that are in them."""

from otel_kubecost.pdata import Parts
from otel_kubecost.receivers.prometheus.exposition import TEXT
from otel_kubecost.receivers.prometheus.page import Labelling, Limits, PageReader
from otel_kubecost.relabel.rule import RelabelRule

TARGET = {"job": "shop", "instance": "shop:80", "site": "berlin"}
NOW = 1_700_000_000_000
"""Milliseconds since the epoch."""
SECOND = 1000


def reader(*, rules=(), limits=None, honor_labels=False, honor_timestamps=True, target=TARGET):
    rules = [RelabelRule.model_validate(rule) for rule in rules]
    labelling = Labelling(target, honor_labels, rules)
    return PageReader(labelling, limits or Limits(), honor_timestamps=honor_timestamps)


def read(text, page_format=TEXT, *, now=NOW, by=None, **options):
    """The page that a reader (a new one, if none is given) makes of ``text``."""
    body = text if isinstance(text, bytes) else text.encode()
    return (by or reader(**options)).read([body], page_format, now)


def columns_of(metric):
    """By the name of its series the columns of each part."""
    points = metric.data.data_points
    if isinstance(points, Parts):
        return {metric.name + suffix: one for suffix, one in points.by_suffix.items()}
    return {metric.name: points}


def points(metrics, target=TARGET):
    """Name, labels, value and time (ms) of each point, as Prometheus would store them."""
    return [
        (name, labels_of(metric, point, target), point.value, point.time_unix_nano // 1_000_000)
        for metric in metrics
        for name, columns in columns_of(metric).items()
        for point in columns
    ]


def labels_of(metric, point, target=TARGET):
    """All labels of a point's series but its name, those that the resource says too."""
    inherited = {name: target[name] for name in ("job", "instance") if name in target}
    inherited = {name: text for name, text in inherited.items() if name not in metric.without}
    return tuple(sorted({**inherited, **point.attributes}.items()))


def series(text, page_format=TEXT, **options):
    """The labels of each series that a new reader finds, the name first, without the target's."""
    own = {} if options.get("honor_labels") else TARGET
    return [
        (name, {key: value for key, value in labels if own.get(key) != value})
        for name, labels, _, _ in points(read(text, page_format, **options).metrics)
    ]


def values(metrics):
    """By the name of the series and the labels that are not the target's the value of each."""
    return {
        (name, *(pair for pair in labels if TARGET.get(pair[0]) != pair[1])): value
        for name, labels, value, _ in points(metrics)
    }
