"""Names of the testing API that were renamed: tests of users still import them for one release."""

import pytest

from durable_harness import testing


def test_a_former_name_is_the_class_that_replaced_it():
    """Importing a former name works, and warns with the new one."""
    with pytest.warns(DeprecationWarning, match="Struck is now FaultHit"):
        former = testing.Struck
    assert former is testing.FaultHit


def test_an_unknown_name_is_an_error_as_ever():
    """A name that never was one fails as any attribute does."""
    with pytest.raises(AttributeError, match="Nothing"):
        _ = testing.Nothing
