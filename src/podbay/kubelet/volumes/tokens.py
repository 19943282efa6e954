"""The tokens that pods' volumes show: asked for at the API server, kept, and replaced before they end.

Takes a pod and a serviceAccountToken source; gives a token and when to look again. A token is replaced after four
fifths of its life or a day; one that cannot be replaced serves until its end.
Invariant: a token is bound to its pod, and forgotten with it.
Source: https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken ; upstream's
``pkg/kubelet/token``.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from podbay.api.errors import StatusError
from podbay.api.resources import SERVICE_ACCOUNTS
from podbay.client.rest import Rest
from podbay.client.transport import TransportError
from podbay.kubelet.volumes.problem import VolumeProblem
from podbay.lib.clock import Clock
from podbay.wire.times import parse_time

Object = Mapping[str, Any]

_LONGEST: Final = timedelta(days=1)
_MOST_JITTER_S: Final = 10.0
_AGAIN_S: Final = 10.0  # a token that could not be replaced, and has not ended yet


@dataclass(frozen=True, slots=True)
class Token:
    """A token; ``due`` is when it is to be replaced."""

    text: str
    due: datetime
    ends: datetime


class Tokens:
    """See the module."""

    def __init__(self, rest: Rest, clock: Clock) -> None:
        self._rest = rest
        self._clock = clock
        self._kept: dict[str, dict[tuple[str, int], Token]] = {}

    async def get(self, pod: Object, source: Object) -> tuple[str, float]:
        """Return a token, and in how many seconds to ask again. Raises VolumeProblem."""
        kept = self._kept.setdefault(pod["metadata"]["uid"], {})
        key = (source.get("audience") or "", source["expirationSeconds"])
        old, now = kept.get(key), self._clock.now()
        if old is not None and now < old.due:
            return old.text, (old.due - now).total_seconds()
        try:
            fresh = await self._ask(pod, *key)
        except (StatusError, TransportError) as error:
            if old is None:
                raise VolumeProblem(f"failed to fetch token: {error}") from None
            if now >= old.ends:
                raise VolumeProblem(f"token expired and refresh failed: {error}") from None
            return old.text, _AGAIN_S
        kept[key] = fresh
        return fresh.text, (fresh.due - now).total_seconds()

    def forget(self, uid: str) -> None:
        """Keep nothing of a pod."""
        self._kept.pop(uid, None)

    async def _ask(self, pod: Object, audience: str, lasts_s: int) -> Token:
        metadata = pod["metadata"]
        reference = {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
        spec = {
            "audiences": [audience] if audience else [],
            "expirationSeconds": lasts_s,
            "boundObjectRef": reference,
        }
        given = await self._rest.create(
            SERVICE_ACCOUNTS,
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {}, "spec": spec},
            namespace=metadata["namespace"],
            name=pod["spec"].get("serviceAccountName", ""),
            subresource="token",
        )
        ends, given_s = parse_time(given["status"]["expirationTimestamp"]), given["spec"]["expirationSeconds"]
        life = timedelta(seconds=given_s)
        jitter = timedelta(seconds=random.uniform(0, _MOST_JITTER_S))
        return Token(given["status"]["token"], min(ends - life + _LONGEST, ends - life / 5) - jitter, ends)
