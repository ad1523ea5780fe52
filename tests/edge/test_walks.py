import random

import pytest

from tests.edge.sending import fresh
from tests.edge.walks import Walk


def walked(stored, chance, walks, build="EDGE"):
    for _ in range(walks):
        Walk(stored, fresh(), chance, build).run(14)


@pytest.mark.parametrize("seed", range(10))
def test_the_store_reads_what_the_model_says(stored, seed):
    walked(stored, random.Random(seed), 25)


@pytest.mark.parametrize("build", ["DISOBEYING", "LAX", "UNCOMPARED"])
def test_a_store_that_breaks_a_rule_is_caught(apart, build):
    """These are made from changed sources: MUTANTS of the runtime's plan."""
    with pytest.raises(AssertionError, match=r"reads|Error"):
        walked(apart, random.Random(3), 200, build)
