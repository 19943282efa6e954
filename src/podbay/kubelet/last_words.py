"""What a container leaves as its last words: what it wrote into its file, or the end of its log if it failed.

Takes the pod's files and its logs.
Source: https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from podbay.api.pod_containers import each_container, find_container
from podbay.cri.runtime import Container
from podbay.kubelet.pod_files import PodFiles
from podbay.kubelet.sandboxes import log_directory, log_path

_MOST_LINES: Final = 80
_MOST_LOG_BYTES: Final = 2048
_MOST_POD_BYTES: Final = 12 * 1024
_READ_BYTES: Final = 64 * 1024
_HEAD_FIELDS: Final = 3  # time, stream, tag


def last_words(files: PodFiles, log_root: Path, pod: Mapping[str, Any], container: Container) -> str:
    """Return a container's message; together those of a pod are never longer than 12 KiB."""
    uid, spec = pod["metadata"]["uid"], pod["spec"]
    message = files.termination_message(uid, container.name, container.attempt)
    found = find_container(spec, container.name)
    policy = found[1].get("terminationMessagePolicy") if found is not None else None
    if not message and container.exit_code != 0 and policy == "FallbackToLogsOnError":
        message = log_tail(log_directory(log_root, pod) / log_path(container.name, container.attempt))
    most = _MOST_POD_BYTES // max(1, sum(1 for _ in each_container(spec)))
    return message.encode()[:most].decode("utf-8", "ignore")


def log_tail(path: Path) -> str:
    """Return the end of a log: 80 lines or 2 KiB, whichever is less."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            begin = max(0, file.tell() - _READ_BYTES)
            file.seek(begin)
            lines = file.read().splitlines(keepends=True)
    except OSError:
        return ""
    if begin:
        lines = lines[1:]
    texts = []
    for line in lines[-_MOST_LINES:]:
        parts = line.split(b" ", _HEAD_FIELDS)
        if len(parts) > _HEAD_FIELDS:
            is_part = parts[2] == b"P"
            texts.append(parts[_HEAD_FIELDS].rstrip(b"\n") if is_part else parts[_HEAD_FIELDS])
    return b"".join(texts)[-_MOST_LOG_BYTES:].decode("utf-8", "replace")
