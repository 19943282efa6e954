"""``/livez``, ``/readyz`` and ``/healthz``: named checks, each on its own path too, with exclusions.

Takes checks as functions that give None or what is wrong; gives upstream's text.
Source: https://kubernetes.io/docs/reference/using-api/health-checks/
"""

from collections.abc import Callable, Mapping

from podbay.apiserver.request_info import Query
from podbay.wire.http import Response

Check = Callable[[], str | None]
_TEXT = [("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")]


def answer(path: str, query: Query, checks: Mapping[str, Check]) -> Response:
    """Answer a health request: 200 ``ok``, or 500 with every check's line."""
    endpoint, _, single = path.strip("/").partition("/")
    if single:
        check = checks.get(single)
        if check is None:
            return Response(status=404, headers=list(_TEXT), body=b"404 page not found\n")
        problem = check()
        if problem is None:
            return Response(status=200, headers=list(_TEXT), body=b"ok")
        return Response(status=500, headers=list(_TEXT), body=f"internal server error: {problem}\n".encode())
    excluded = set(query.all("exclude"))
    lines, failed = [], False
    for name, check in checks.items():
        if name in excluded:
            excluded.discard(name)
            lines.append(f"[+]{name} excluded: ok")
            continue
        problem = check()
        failed = failed or problem is not None
        lines.append(f"[+]{name} ok" if problem is None else f"[-]{name} failed: reason withheld")
    if excluded:
        names = ", ".join(f'"{name}"' for name in sorted(excluded))
        lines.append(f"warn: some health checks cannot be excluded: no matches for {names}")
    if failed:
        return Response(
            status=500, headers=list(_TEXT), body="\n".join([*lines, f"{endpoint} check failed", ""]).encode()
        )
    if "verbose" in query:
        return Response(
            status=200, headers=list(_TEXT), body="\n".join([*lines, f"{endpoint} check passed", ""]).encode()
        )
    return Response(status=200, headers=list(_TEXT), body=b"ok")
