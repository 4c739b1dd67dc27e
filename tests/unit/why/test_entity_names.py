"""Entities by name where their keys say nothing, by key where one of them is the bottleneck."""

from durable_harness.gate.who.time_shares import attribute
from durable_harness.why.entity_names import shown_names, summed
from durable_harness.why.segments import Part, Segment


def test_many_alike_are_shown_by_their_name():
    """A hundred sessions of one agent, each with a hundredth of its time, are one name."""
    lengths = {f"@writer@{number}": 10 for number in range(100)}
    assert set(shown_names(lengths).values()) == {"@writer@*"}


def test_a_busy_one_keeps_its_key():
    """The entity that takes most of the time of its name is shown by its key, the others by their name."""
    lengths = {"@stock@lamp": 900, **{f"@stock@{number}": 1 for number in range(100)}}
    shown = shown_names(lengths)
    assert shown["@stock@lamp"] == "@stock@lamp"
    assert shown["@stock@7"] == "@stock@*"


def test_other_names_stay():
    """Activities, and names with an @ within them, are no entities."""
    lengths = {"charge": 1, "a@b@c": 1, "": 5, "@alone": 1}
    assert shown_names(lengths) == {name: name for name in lengths}


def test_the_share_of_a_name_is_that_of_all_its_entities():
    """The culprit is the entity's code, with the time of all keys together."""
    timelines = [[Segment(Part.CODE, 0, 2_000_000, f"@writer@{number}")] for number in range(50)]
    found = attribute(timelines)
    (share,) = found.shares
    (cause,) = share.causes
    assert [(one.name, one.mean_ms) for one in cause.names] == [("@writer@*", 2.0)]


def test_values_are_summed_by_the_names_that_are_shown():
    """Entities among many share one sum, in the order in which the names came."""
    lengths = {"a": 10, "@order@1": 1, "b": 5, **{f"@order@{key}": 1 for key in range(2, 11)}}
    assert list(summed(lengths, shown_names(lengths)).items()) == [("a", 10), ("@order@*", 10), ("b", 5)]
