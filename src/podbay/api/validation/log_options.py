"""Rules of the options of a request for a container's log.

Takes the options by their names in PodLogOptions; gives causes. Invariant: lines are counted from the end, bytes and
seconds are positive, and the beginning is said in one way only.
Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#get-read-log-of-the-specified-pod
"""

from collections.abc import Mapping
from typing import Any

from podbay.api.errors import Cause
from podbay.api.validation.field_errors import forbidden, invalid


def validate_log_options(options: Mapping[str, Any]) -> list[Cause]:
    """Return what is wrong with ``tailLines``, ``limitBytes``, ``sinceSeconds``, ``sinceTime`` and ``stream``."""
    causes = []
    lines, most, seconds = options.get("tailLines"), options.get("limitBytes"), options.get("sinceSeconds")
    if lines is not None and lines < 0:
        causes.append(invalid("tailLines", lines, "must be greater than or equal to 0"))
    if most is not None and most < 1:
        causes.append(invalid("limitBytes", most, "must be greater than 0"))
    if seconds is not None and options.get("sinceTime") is not None:
        causes.append(forbidden("[]", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif seconds is not None and seconds < 1:
        causes.append(invalid("sinceSeconds", seconds, "must be greater than 0"))
    if options.get("stream") is not None:
        causes.append(forbidden("stream", "may not be specified"))
    return causes
