"""Asks a server the same again and again from some connections, for some time; prints how long each request took.

The task: ``port``, ``pki`` (a directory with certificates), ``clients``, ``seconds``, ``method``, ``target`` and
``body``, in which ``{n}`` becomes a number of its own for each request, ``status`` (what every answer must have), and
either ``count`` (requests in all) or ``every_s`` (a pause that each client keeps between its requests' beginnings).
"""

import asyncio
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from bench.cluster import client_tls
from bench.connection import Connection, open_connection, request


async def load(task: dict[str, Any]) -> dict[str, Any]:
    """Run a task; return the durations in seconds, and how long all took."""
    tls = client_tls(Path(task["pki"]))
    connections = [await open_connection(task["port"], tls) for _ in range(task["clients"])]
    numbers = itertools.count()
    most = task.get("count") or sys.maxsize
    took: list[float] = []
    prefix = f"{os.getpid()}-"

    async def client(connection: Connection) -> None:
        due = time.monotonic()
        while time.monotonic() < deadline and (number := next(numbers)) < most:
            if task.get("every_s"):
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                due += task["every_s"]
            mark = f"{prefix}{number}"
            asked = request(
                task["method"], task["target"].replace("{n}", mark), task.get("body", "").replace("{n}", mark).encode()
            )
            began = time.monotonic()
            status, body = await connection.ask(asked)
            took.append(time.monotonic() - began)
            if status != task["status"]:
                raise RuntimeError(f"{task['method']} {task['target']}: {status} {body[:300]!r}")

    began = time.monotonic()
    deadline = began + task["seconds"]
    try:
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(client(connection))
        return {"took_s": took, "elapsed_s": time.monotonic() - began}
    finally:
        for connection in connections:
            connection.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load(json.loads(sys.argv[1])))), flush=True)
