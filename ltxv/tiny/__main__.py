"""Write the tiny checkpoint: ``python -m ltxv.tiny FOLDER``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ltxv.tiny.recipe import SEED, write_checkpoint


def main() -> None:
    """Write the checkpoint into the folder named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m ltxv.tiny", description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write it; made if need be")
    parser.add_argument(
        "--work",
        type=Path,
        help="where what is needed to go on after an interruption is kept; beside the folder",
    )
    parser.add_argument("--seed", type=int, default=SEED)
    wanted = parser.parse_args()
    work = wanted.work or wanted.folder.with_name(wanted.folder.name + "-work")
    write_checkpoint(wanted.folder, work=work, seed=wanted.seed)


if __name__ == "__main__":
    main()
