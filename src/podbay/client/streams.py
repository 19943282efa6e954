"""Which answers are streams: watches and followed logs; everything else is read whole.

Pure. Takes a request; tells transports how to read its answer.
"""

from podbay.wire.http import Request


def is_streamed(request: Request) -> bool:
    """Tell whether the answer to a request comes bit by bit."""
    path, _, query = request.target.partition("?")
    if path.endswith("/log") or path.startswith("/containerLogs/"):
        return True
    if "watch" not in query:
        return False
    from urllib.parse import parse_qs

    return parse_qs(query, keep_blank_values=True).get("watch", ["false"])[-1].lower() not in ("false", "0")
