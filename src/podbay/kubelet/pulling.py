"""Pulls of a node's images: so many at once, with one credential after another until the registry takes one.

Takes a full image name and what to try; gives the reference and how long it took, or the texts of all that failed.
Invariant: pulls go in the order in which they were asked for; one that waits for its turn keeps nothing else waiting.
Source: https://kubernetes.io/docs/concepts/containers/images/#serial-and-parallel-image-pulls
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from podbay.cri.runtime import PullCredentials, Runtime, RuntimeFailure
from podbay.lib.clock import Clock

_REGISTRY_AWAY: Final = "RegistryUnavailable"
_BAD_SIGNATURE: Final = "SignatureValidationFailed"


class PullFailed(Exception):
    """A registry or the runtime said no, in these words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An image that was pulled. ``waited_s`` is the whole time since it was asked for."""

    reference: str
    took_s: float
    waited_s: float


class Puller:
    """See the module. ``at_once`` None: as many as are asked for."""

    def __init__(self, runtime: Runtime, clock: Clock, at_once: int | None) -> None:
        self._runtime = runtime
        self._clock = clock
        self._slots = None if at_once is None else asyncio.Semaphore(at_once)

    async def pull(self, name: str, credentials: Sequence[PullCredentials]) -> Pulled:
        """Pull an image. Raises PullFailed."""
        asked = self._clock.monotonic()
        async with self._turn():
            began = self._clock.monotonic()
            failed: dict[str, None] = {}
            for tried in credentials or (None,):
                try:
                    reference = await self._runtime.pull_image(name, tried)
                except RuntimeFailure as error:
                    # A code that says nothing is left out, so that the runtime's own reasons stand at the beginning.
                    failed[error.message if error.code == "UNKNOWN" else str(error)] = None
                    continue
                ended = self._clock.monotonic()
                return Pulled(reference=reference, took_s=ended - began, waited_s=ended - asked)
        raise PullFailed(next(iter(failed)) if len(failed) == 1 else f"[{', '.join(failed)}]")

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._slots is None:
            yield
            return
        async with self._slots:
            yield


def why_waiting(name: str, failure: str) -> tuple[str, str]:
    """Return the reason and the message of a container whose image could not be pulled."""
    for reason, words in (
        (_REGISTRY_AWAY, "the registry is unavailable"),
        (_BAD_SIGNATURE, "the signature validation failed"),
    ):
        if failure.startswith(reason):
            return reason, f"image pull failed for {name} because {words}{failure.removeprefix(reason)}"
    return "ErrImagePull", failure
