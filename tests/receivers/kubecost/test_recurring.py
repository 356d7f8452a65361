"""Names that come again are the objects that they were."""

from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.receivers.kubecost.recurring import Recurring

NAMES = st.lists(st.integers(0, 2000).map(lambda number: f"web-{number}"), max_size=60)


def anew(texts):
    """Equal strings, and none of them the same object."""
    return ["".join(list(text)) for text in texts]


@given(NAMES, NAMES, st.integers(1, 9))
def test_the_strings_stay_what_they_are(before, now, size):
    """Whatever stood there before, in any order, cut anywhere: equal strings come out."""
    recurring = Recurring(before)
    pieces = [now[at : at + size] for at in range(0, len(now), size)]
    assert [text for piece in pieces for text in recurring.same(piece)] == now


def test_a_column_with_a_few_changes_is_made_of_the_objects_of_the_last():
    """Pods that came and went between shift the others, and do not hide them."""
    before = [f"web-{number}" for number in range(5000)]
    now = anew(f"web-{number}" for number in range(5000) if number % 50)
    now[700:700] = new = [f"new-{number}" for number in range(200)]
    recurring = Recurring(before)
    found = [text for at in range(0, len(now), 480) for text in recurring.same(now[at : at + 480])]
    assert found == now
    known = set(map(id, before))
    assert [text for text in found if id(text) not in known] == new
