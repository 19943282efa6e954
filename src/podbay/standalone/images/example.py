"""Builds the example images as archives: ``python -m podbay.standalone.images.example kubia FILE``.

Takes busybox from Debian packages; gives an archive for ``podbay image import``. Used by the demo, the tests and the
benchmarks.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from podbay.standalone.errors import ClusterError
from podbay.standalone.images import recipes
from podbay.standalone.images.debian import busybox_files
from podbay.standalone.images.layer import build

_USAGE: Final = "usage: python -m podbay.standalone.images.example kubia|busybox FILE"


def build_example(name: str, target: Path) -> None:
    """Build one of the example images. Raises ClusterError."""
    busybox = busybox_files()
    match name:
        case "kubia":
            build(recipes.kubia_recipe(busybox), target)
        case "busybox":
            build(recipes.busybox_recipe(busybox, "docker.io/library/busybox:latest"), target)
        case _:
            raise ClusterError(_USAGE)


def main(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code."""
    try:
        if len(arguments) != 2:
            raise ClusterError(_USAGE)
        build_example(arguments[0], Path(arguments[1]))
    except ClusterError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
