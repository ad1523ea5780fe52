import random
from collections import Counter

import pytest

from tests.model.named import names, walked
from tests.model.walking import LOOKS, Walk
from tests.model.world import BEGINNING, NOTHING, ONLY, STAGES, Shared


def test_walks_take_every_step_of_the_application() -> None:
    offered, taken = names(range(1500))
    assert taken - {LOOKS} == offered
    assert len(offered) == 131


def test_the_same_seed_is_the_same_walk() -> None:
    assert [walked(seed).names for seed in range(20)] == [walked(seed).names for seed in range(20)]


def test_operations_are_interleaved() -> None:
    """Between two steps of one operation there is one of another."""
    found: Counter[bool] = Counter()
    for seed in range(50):
        chance, walk, last = random.Random(seed), Walk(random.Random(seed)), 0
        now = BEGINNING._replace(low=1, high=2)
        for _ in range(12):
            step = walk.choose(now)
            if step is None:
                break
            walk.take(step)
            found[not step.begins and step.op != last and bool(chance)] += 1
            last = step.op
    assert found[True] > 50


@pytest.mark.parametrize("stage", range(len(STAGES)))
def test_a_look_gives_what_the_model_serves(stage: int) -> None:
    now = Shared(stage, stage, -1, 0, verifying=False, gate=True, finished=False)
    looks = [look for seed in range(100) if (look := walked(seed, steps=10).look(now)) is not None]
    assert {look.stage for look in looks} == {STAGES[stage]}
    assert any(look.record == NOTHING for look in looks)
    assert any(look.record != NOTHING for look in looks)
    assert {look.shown is None for look in looks} == {stage == ONLY} | ({False} if stage < ONLY else set())


def test_a_walk_begins_logged_in_and_its_entry_does_not_tell_when_it_expires() -> None:
    walk = Walk(random.Random(0))
    assert [(entry.on(0), entry.told) for entry in walk.entries] == [((1, 2), False)]
    assert [walk.entries[0].on(day) for day in (1, 2)] == [(1, 1), NOTHING]
