import subprocess
import sys

_SCRIPT = """
import gc, sys
from podbay.__main__ import main
sys.argv = ["podbay", "help"]
main()
before = sum(generation["collections"] for generation in gc.get_stats())
import podbay.standalone.server
sys.stderr.write(str(sum(generation["collections"] for generation in gc.get_stats()) - before))
"""


def test_a_server_that_starts_is_not_held_up_by_collections() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stderr) <= 3  # Python's own setting makes it some two hundred
