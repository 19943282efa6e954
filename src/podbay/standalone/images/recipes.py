"""The images that podbay assembles itself: the sandbox's and the examples', from Debian's binaries.

Takes the binaries' bytes; gives recipes. No registry and no upstream image is needed.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from podbay.standalone.containerd import SANDBOX_IMAGE
from podbay.standalone.errors import ClusterError
from podbay.standalone.images.debian import architecture
from podbay.standalone.images.layer import ImageRecipe

KUBIA: Final = "docker.io/wanstack/kubia:latest"
_APPLETS: Final = (
    "sh", "cat", "chmod", "cp", "cut", "date", "dd", "df", "echo", "env", "false", "grep", "head", "hostname", "id",
    "ip", "kill", "ln", "ls", "mkdir", "mount", "mv", "nc", "nslookup", "printf", "ps", "pwd", "rm", "sed", "seq",
    "sleep", "sort", "stat", "stty", "sync", "tail", "tar", "tee", "test", "top", "touch", "tr", "true", "uname",
    "vi", "wc", "wget", "which", "xargs", "yes", "httpd", "md5sum", "sha256sum", "netstat", "awk", "expr", "find",
    "mkfifo", "pidof", "ping", "readlink", "rmdir", "route", "timeout", "tty", "usleep", "nproc", "od",
    "base64", "killall", "truncate",
)  # fmt: skip
_SERVER: Final = b"""#!/bin/sh
# Answers every request with the name of the host, and ends when it is asked to.
echo "Kubia server starting..."
/bin/nc -ll -p "${PORT:-8080}" -e /kubia/answer &
server=$!
trap 'kill $server; exit 0' TERM INT
wait $server
exit $?
"""
_ANSWER: Final = b"""#!/bin/sh
# One request on standard input, one answer on standard output. The log goes to the container's.
while read -r line; do
    line=$(printf '%s' "$line" | tr -d '\\r')
    [ -n "$line" ] || break
done
echo "Received request from ${NCREMOTEADDR:-a client}" > /proc/1/fd/1
body="You've hit $(hostname)"
printf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nConnection: close\\r\\n'
printf 'Content-Length: %d\\r\\n\\r\\n%s\\n' $((${#body} + 1)) "$body"
"""


def sandbox_recipe() -> ImageRecipe:
    """Return the image whose process holds a pod's namespaces and reaps its orphans. Raises ClusterError."""
    found = shutil.which("catatonit") or "/usr/libexec/podman/catatonit"
    if not Path(found).exists():
        raise ClusterError("catatonit is not installed: install the package catatonit")
    return ImageRecipe(
        name=SANDBOX_IMAGE,
        files={"catatonit": Path(found).read_bytes()},
        entrypoint=["/catatonit", "-P"],
        architecture=architecture(),
    )


def busybox_recipe(busybox: Mapping[str, bytes], name: str) -> ImageRecipe:
    """Return an image with a shell and the usual small commands."""
    return ImageRecipe(
        name=name,
        architecture=architecture(),
        files={
            **busybox,
            "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
            "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
        },
        links={f"bin/{applet}": "busybox" for applet in _APPLETS},
        directories=["tmp", "root", "proc", "sys", "dev", "var/run"],
        command=["sh"],
    )


def kubia_recipe(busybox: Mapping[str, bytes]) -> ImageRecipe:
    """Return the example: an HTTP server on port 8080 that says which host was hit."""
    base = busybox_recipe(busybox, KUBIA)
    return ImageRecipe(
        name=KUBIA,
        architecture=base.architecture,
        files={**base.files, "kubia/server": _SERVER, "kubia/answer": _ANSWER},
        links=base.links,
        directories=base.directories,
        entrypoint=["/kubia/server"],
        ports=["8080/tcp"],
    )
