"""Does the walks of some seeds again, as they were when the code and the model disagreed.

python -m tests.edge.replay 206
python -m tests.edge.replay --mutant LAX 1
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.edge.batch import Batch, Build, Disagreement
from tests.edge.edge import Edge
from tests.edge.ground import APART, BROKEN


def main() -> int:
    """Exit 1 when a walk disagrees; it is printed."""
    parser = argparse.ArgumentParser(prog="python -m tests.edge.replay", description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--walks", type=int, default=40, help="of a seed; a walk is another beside others")
    parser.add_argument("--apart", action="store_true", help="each session in an object of its own")
    parser.add_argument("--mutant", choices=BROKEN, help="with a rule broken")
    given = parser.parse_args()
    build = BROKEN[given.mutant] if given.mutant else APART if given.apart else Build()
    failed = 0
    with tempfile.TemporaryDirectory() as folder, Edge(Path(folder)) as edge:
        for seed in given.seeds:
            try:
                counts = Batch(edge, seed, given.walks, build=build).run()
            except Disagreement as found:
                failed = 1
                print(found, flush=True)
            else:
                print(f"seed {seed}: {counts.steps} steps and {counts.reads} reads as the model has them")
    return failed


if __name__ == "__main__":
    sys.exit(main())
