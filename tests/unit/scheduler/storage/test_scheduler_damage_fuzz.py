"""Damage at random: each start runs or names the damage, each recovery names what it lost, nothing hangs or breaks."""

import asyncio
import os
import random

import pytest

from damaging import DAMAGES, damaged_copy, fill, judge, names_in

pytestmark = pytest.mark.thorough

SEED = os.environ.get("DURABLE_HARNESS_TEST_SEED", "20261127")
PART = 25


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return an undamaged file with rows of every kind."""
    path = tmp_path_factory.mktemp("whole") / "hub.db"
    asyncio.run(fill(path))
    return path


@pytest.mark.parametrize("part", range(8))
def test_losses_of_a_damaged_file_are_reported(whole, tmp_path, part):
    """Whatever is damaged, a start runs or ends with the documented error; what `recover` saves starts, and it says
    what it could not save."""
    names = names_in(whole)
    for number in range(part * PART, (part + 1) * PART):
        chance = random.Random(f"{SEED}-{number}")
        damage = chance.choice(DAMAGES)
        verdict = judge(damaged_copy(whole, tmp_path / "work", damage, chance), names)
        assert not verdict.broken, f"seed {SEED}, number {number}, {damage.__name__}: {verdict.broken}"
        assert not verdict.unseen, f"seed {SEED}, number {number}, {damage.__name__}: {verdict.unseen}"
