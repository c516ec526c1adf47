"""Write the tiny checkpoint: ``python -m ltxv.tiny FOLDER``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ltxv.tiny.recipe import SEED, write_checkpoint


def main() -> None:
    """Write the checkpoint into the folder named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m ltxv.tiny", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write it; made if need be")
    parser.add_argument("--seed", type=int, default=SEED)
    wanted = parser.parse_args()
    write_checkpoint(wanted.folder, seed=wanted.seed)


if __name__ == "__main__":
    main()
