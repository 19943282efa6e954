"""Images that only the tests need, made as the examples are: from Debian's packages and from scripts."""

from pathlib import Path
from typing import Final

from podbay.standalone.images.debian import busybox_files, files_of_package
from podbay.standalone.images.layer import ImageRecipe, build
from podbay.standalone.images.recipes import busybox_recipe

TESTER: Final = "example.com/tests/tester:1"
# Says how it was called, and stays if it was called with nothing but what the image says.
_ENTRYPOINT: Final = b"""#!/bin/sh
echo "[$0 $*]"
[ "$1" = pause ] || exit 0
echo Paused
trap 'exit 0' TERM
while :; do sleep 1 & wait $!; done
"""
# Tells its name to whoever asks: over HTTP and over UDP.
_NETEXEC: Final = b"""#!/bin/sh
mkdir -p /www
hostname > /www/hostname
httpd -p 8080 -h /www
trap 'exit 0' TERM
while :; do hostname | nc.openbsd -u -l -W 1 -q 0 -p 8081 & wait $!; done
"""
_LIBRARIES: Final = {"libbsd0": "libbsd.so.0.11.7", "libmd0": "libmd.so.0.0.5"}


def build_tester(target: Path) -> None:
    """Build an image that has an entry point and arguments of its own, two commands that say how they were called, and
    a server of HTTP (8080) and UDP (8081). Raises ClusterError."""
    base = busybox_recipe(busybox_files(), TESTER)
    libraries = {
        f"lib/{file.partition('.so.')[0]}.so.0": files_of_package(package, [file])[file]
        for package, file in _LIBRARIES.items()
    }
    netcat = files_of_package("netcat-openbsd", ["nc.openbsd"])["nc.openbsd"]
    scripts = {"tester": _ENTRYPOINT, "tester-2": _ENTRYPOINT, "netexec": _NETEXEC}
    recipe = ImageRecipe(
        name=TESTER,
        architecture=base.architecture,
        files={**base.files, **libraries, **scripts, "bin/nc.openbsd": netcat},
        links=base.links,
        directories=base.directories,
        entrypoint=["/tester"],
        command=["pause"],
    )
    build(recipe, target)
