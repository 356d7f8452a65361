"""``batch``: there for configurations that have it."""

import pytest
from test_pipeline import batch

from otel_kubecost.errors import ConfigError
from otel_kubecost.processors.batch import Batch


def test_a_batch_passes_as_it_is_and_that_is_said_once(caplog):
    """One line, which names the option that does what Collectors need this processor for."""
    data, processor = batch(60.0), Batch(timeout="5s", send_batch_size=1000)
    with caplog.at_level("INFO", logger="otel_kubecost"):
        assert processor(data) is data
        assert processor(data) is data
    (said,) = caplog.records
    assert said.getMessage() == "batch changes nothing: a batch is all of a mark"
    assert "queue_config.max_samples_per_send" in said.hint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"timeout": "soon"}, "'soon' is not a duration"),
        ({"send_batch_size": -1}, "must be 0 or more"),
        ({"send_batch_max_size": 100}, "send_batch_max_size is less than send_batch_size"),
        ({"send_batch_count": 1}, "did you mean `send_batch_size`?"),
    ],
)
def test_its_options_are_checked_all_the_same(options, message):
    """What a Collector would refuse is refused."""
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        Batch(**options)
