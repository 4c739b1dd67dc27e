"""Which work a fault strikes: by its seed, its kind, its name, its count."""

import pytest

from durable_harness.control import Rules
from durable_harness.control.rules import Fault
from durable_harness.protocol.work_kinds import Kind
from durable_harness.testing import faults


def add(rules, fault="drop", **what):
    """Add a fault that strikes everything, unless configured otherwise."""
    kinds = ["orchestration", "activity", "entity"]
    return rules.add(fault, **{"kinds": kinds, "names": [], "count": None, "probability": 1.0, "seed": "1", **what})


def struck(rules, fault=Fault.DROP, kind="activity", name="work", items=50):
    """Return the numbers of the items that are struck."""
    work = {"kind": kind, "name": name}
    return [n for n in range(items) if any(rules.striking(fault, instance_id=str(n), **work))]


def test_a_test_names_each_kind_of_work():
    """The kinds that `durable_faults` takes are those that a scheduler hands out: they are written down twice."""
    assert set(faults.KINDS) == set(Kind)


@pytest.mark.parametrize("seed", ["1/1", "2/1"])
def test_the_same_seed_strikes_the_same_items(seed):
    """What a probability strikes follows from the seed and the order of the work alone."""
    found = []
    for _ in range(2):
        rules = Rules()
        add(rules, probability=0.3, seed=seed)
        found.append(struck(rules))
    assert found[0] == found[1]
    assert 0 < len(found[0]) < 50


def test_another_seed_strikes_others():
    """Two seeds do not strike the same items."""
    chosen = []
    for seed in ("1/1", "2/1"):
        rules = Rules()
        add(rules, probability=0.5, seed=seed)
        chosen.append(struck(rules))
    assert chosen[0] != chosen[1]


def test_a_count_is_used_up():
    """A fault of three strikes the first three of its kind, and is then over."""
    rules = Rules()
    rule = add(rules, count=3, kinds=["activity"])
    assert struck(rules, kind="orchestration") == []
    assert struck(rules) == [0, 1, 2]
    assert rule.count == 0
    assert [one["instance_id"] for one in rule.struck] == ["0", "1", "2"]


def test_a_name_is_that_of_one_function_however_it_is_written():
    """Names are compared as the host compares them: without regard to case."""
    rules = Rules()
    add(rules, names=["Work"])
    assert struck(rules, name="rest") == []
    assert len(struck(rules, name="wORK")) == 50


def test_faults_do_not_take_each_others_items():
    """A fault of completions does not strike items; several faults strike the same item."""
    rules = Rules()
    add(rules, "refuse")
    assert struck(rules) == []
    for fault in ("delay", "duplicate"):
        add(rules, fault)
    striking = rules.striking(Fault.DELAY, Fault.DUPLICATE, kind="activity", name="work", instance_id="1")
    assert [rule.fault for rule in striking] == ["delay", "duplicate"]


def test_an_ended_fault_strikes_no_more():
    """Ending one fault leaves the others, ending all leaves none."""
    rules = Rules()
    first, second = add(rules), add(rules)
    rules.end(first.number)
    struck(rules, items=1)
    assert (len(first.struck), len(second.struck)) == (0, 1)
    rules.end()
    assert struck(rules) == []


@pytest.mark.parametrize("wrong", ["explode", ""])
def test_what_is_no_fault_is_an_error(wrong):
    """A fault that there is none of is refused."""
    with pytest.raises(ValueError, match="is not a valid Fault"):
        add(Rules(), wrong)
