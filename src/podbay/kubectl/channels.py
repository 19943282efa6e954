"""A terminal or pipes, joined to a container's process: ``v5.channel.k8s.io`` as the client speaks it.

Takes standard input, output and errors of this process; gives what the remote process ended with.
Invariant: everything that the process wrote is written here before its exit code is returned.
Source: KEP-4006.
"""

import asyncio
import os
import sys
import threading
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.client.requests import Query
from podbay.kubectl.errors import CommandError
from podbay.kubectl.session import Session
from podbay.kubectl.terminal import Terminal, size_of
from podbay.kubectl.websocket import WebSocket
from podbay.lib.tasks import TaskScope
from podbay.wire import json

PROTOCOL: Final = "v5.channel.k8s.io"
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_READ_BYTES: Final = 32 * 1024


def run_channels(session: Session, target: str, query: Query, *, stdin: bool, tty: bool) -> int:
    """Join this process's streams to the remote ones until it ends. Raises CommandError with its exit code."""
    with Terminal(raw=tty):
        return asyncio.run(_run(session, target, query, stdin=stdin, tty=tty))


async def _run(session: Session, target: str, query: Query, *, stdin: bool, tty: bool) -> int:
    async with await WebSocket.open(session, target, query, PROTOCOL) as socket, TaskScope() as scope:
        if tty:
            scope.start(_sizes(socket), name="terminal size")
        if stdin:
            scope.start(_input(socket), name="standard input")
        status: Any = None
        while (message := await socket.receive()) is not None:
            if not message:
                continue
            channel, data = message[0], message[1:]
            if channel == _STDOUT:
                _write(1, data)
            elif channel == _STDERR:
                _write(2, data)
            elif channel == _ERROR and data:
                status = json.decode(data)
    return _outcome(status)


def _outcome(status: Any) -> int:
    """Return 0 for a success. Raises CommandError, StatusError."""
    if status is None:
        raise CommandError("the server closed the connection before it told how the command ended")
    if status.get("status") == "Success":
        return 0
    causes = (status.get("details") or {}).get("causes") or ()
    if status.get("reason") == "NonZeroExitCode":
        code = next((int(cause["message"]) for cause in causes if cause.get("reason") == "ExitCode"), 1)
        raise CommandError(f"command terminated with exit code {code}", code=code)
    if status.get("message"):
        raise CommandError(str(status["message"]))
    raise StatusError.of(status)


async def _input(socket: WebSocket) -> None:
    """Send standard input, and its end."""
    queue: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)
    loop = asyncio.get_running_loop()

    def read() -> None:
        # A thread: files, pipes and terminals are read alike, and a blocked read never holds up the end.
        while True:
            try:
                data = os.read(0, _READ_BYTES)
            except OSError:
                data = b""
            try:
                asyncio.run_coroutine_threadsafe(queue.put(data), loop).result()
            except (RuntimeError, asyncio.CancelledError):
                return
            if not data:
                return

    threading.Thread(target=read, daemon=True, name="standard input").start()
    while data := await queue.get():
        await socket.send(bytes([_STDIN]) + data)
    await socket.send(bytes([_CLOSE, _STDIN]))


async def _sizes(socket: WebSocket) -> None:
    """Send the terminal's size, now and whenever it changes."""
    import signal

    changed = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, changed.set)
    while True:
        size = size_of(1)
        if size is not None:
            await socket.send(bytes([_RESIZE]) + json.encode({"Width": size[0], "Height": size[1]}))
        await changed.wait()
        changed.clear()


def _write(descriptor: int, data: bytes) -> None:
    stream = sys.stdout if descriptor == 1 else sys.stderr
    stream.flush()
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
