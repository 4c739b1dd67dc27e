"""How a test says what a fake answers: mistakes are found where it says so, not when the app calls."""

import pytest

from durable_harness.errors import UsageError
from durable_harness.testing.fakes.fake_answers import NOTHING, check_given


async def answer(_given):
    """Answer like a coroutine function, which nothing would await."""


@pytest.mark.parametrize(
    ("returns", "raises", "by", "problem"),
    [
        (NOTHING, None, None, "give one of"),
        (1, ValueError, None, "give one of"),
        (NOTHING, None, 7, "by is 7; expected a function"),
        (NOTHING, None, answer, "by is a coroutine function; expected one that is not async"),
        (NOTHING, "no", None, "raises is 'no'; expected an error"),
    ],
)
def test_a_wrong_answer_is_refused_where_it_is_given(returns, raises, by, problem):
    """Each mistake in what a fake is to answer names the fake and what is expected."""
    with pytest.raises(UsageError, match=problem) as caught:
        check_given("fake('f')", returns, raises, by)
    assert str(caught.value).startswith("fake('f'): ")
