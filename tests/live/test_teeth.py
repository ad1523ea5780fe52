"""The races find what they are for: without a rule the real store breaks its promises within seconds.

Two of the rules are shown here, the others by `make bench`, which also shows that no such race finds
anything in the store as it is.
"""

from pathlib import Path

import pytest

from tests.edge.edge import MUTANTS
from tests.live.aimed import AIMED
from tests.live.contract import Breach
from tests.live.runtime import Racing

SECONDS = 20.0
"""At most; they end with the first breach."""


@pytest.mark.parametrize(("rule", "breach"), [("LAX", Breach.LOST), ("FORGETTING", Breach.RESURRECTED)])
def test_without_a_rule_a_promise_is_broken(
    rule: str, breach: Breach, quick_folder: Path, tmp_path: Path
) -> None:
    assert AIMED.keys() <= MUTANTS.keys()
    with Racing(quick_folder, build=rule) as edge:
        found = AIMED[rule](edge, tmp_path, 1, SECONDS)
    assert breach in {one.breach for one in found}
