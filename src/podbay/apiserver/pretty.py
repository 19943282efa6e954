"""Answers that people read: JSON with a line for each value, for those who ask for it and for those who use curl.

Takes a finished response; changes its body in place. Invariant: what a program reads of it is the same.
Source: the ``pretty`` parameter of https://kubernetes.io/docs/reference/kubernetes-api/common-parameters/common-parameters/
"""

import asyncio
from typing import Final

from podbay.apiserver.request_info import Query
from podbay.wire import json
from podbay.wire.http import JSON, Response

_READERS: Final = ("curl", "Wget", "Mozilla/5.0")
_LONG_BYTES: Final = 128 * 1024  # longer ones would hold up others


def wants_pretty(query: Query, agent: str) -> bool:
    """Tell whether an answer is for somebody who reads it."""
    return query.flag("pretty") if "pretty" in query else agent.startswith(_READERS)


async def make_pretty(response: Response) -> None:
    """Indent a response's body, if it is JSON and whole."""
    if not response.body or response.stream is not None:
        return
    if not any(name.lower() == "content-type" and value.startswith(JSON) for name, value in response.headers):
        return
    if len(response.body) > _LONG_BYTES:
        response.body = await asyncio.to_thread(json.indented, response.body)
    else:
        response.body = json.indented(response.body)
