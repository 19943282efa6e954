"""Images on the node: pulled when the policy says so, with a back-off after failures.

Takes a container's image and policy; gives the reference to make the container from, or a PullProblem with upstream's
reason. Events are told through a callback.
Invariant: an image is pulled by one at a time; the others wait for it and look.
Source: https://kubernetes.io/docs/concepts/containers/images/
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

from podbay.api.images import parse_image_name
from podbay.cri.runtime import Runtime, RuntimeFailure
from podbay.kubelet.backoffs import Backoffs
from podbay.lib.clock import Clock

Tell = Callable[[str, str, str], None]  # type, reason, message
_AT_ONCE: Final = 3
_TELL_AGAIN_S: Final = 2.0


class PullProblem(Exception):
    """Why a container waits for its image. ``retry_s`` is when to try again."""

    def __init__(self, reason: str, message: str, retry_s: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_s = retry_s


class Images:
    """See the module."""

    def __init__(self, runtime: Runtime, clock: Clock) -> None:
        self._runtime = runtime
        self._clock = clock
        self._backoffs = Backoffs()
        self._errors: dict[str, tuple[str, float]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def ensure(self, pod: Mapping[str, Any], container: Mapping[str, Any], tell: Tell) -> str:
        """Return the image's reference. Raises PullProblem, RuntimeFailure."""
        name = container["image"]
        policy = container.get("imagePullPolicy", "IfNotPresent")
        try:
            full = str(parse_image_name(name))
        except ValueError as error:
            message = f'Failed to apply default image tag "{name}": couldn\'t parse image name "{name}": {error}'
            tell("Warning", "InspectFailed", message)
            raise PullProblem("InvalidImageName", message, 60.0) from None
        lock = self._locks.setdefault(full, asyncio.Lock())
        async with lock:
            present = await self._runtime.image(full)
            if policy == "Never" and present is None:
                message = f'Container image "{name}" is not present with pull policy of Never'
                tell("Warning", "ErrImageNeverPull", message)
                raise PullProblem("ErrImageNeverPull", message, 60.0)
            if present is not None and policy != "Always":
                tell("Normal", "Pulled", f'Container image "{name}" already present on machine')
                return present.id
            return await self._pull(f"{pod['metadata']['uid']}/{full}", name, full, tell)

    async def _pull(self, key: str, name: str, full: str, tell: Tell) -> str:
        now = self._clock.now().timestamp()
        known = self._errors.get(key)
        if known is not None:
            error, failed = known
            left = self._backoffs.left_s(key, failed, now)
            if left > 0:
                tell("Normal", "BackOff", f'Back-off pulling image "{name}"')
                raise PullProblem("ImagePullBackOff", f'Back-off pulling image "{name}": {error}', left)
        tell("Normal", "Pulling", f'Pulling image "{name}"')
        asked = self._clock.monotonic()
        async with self._slots:
            began = self._clock.monotonic()
            try:
                reference = await self._runtime.pull_image(full)
            except RuntimeFailure as error:
                now = self._clock.now().timestamp()
                self._backoffs.next(key, now, now)
                self._errors[key] = (f"ErrImagePull: {error}", now)
                tell("Warning", "Failed", f'Failed to pull image "{name}": {error}')
                raise PullProblem("ErrImagePull", str(error), _TELL_AGAIN_S) from None
        self._errors.pop(key, None)
        self._backoffs.forget(key)
        image = await self._runtime.image(reference)
        ended = self._clock.monotonic()
        size = image.size_bytes if image is not None else 0
        tell(
            "Normal",
            "Pulled",
            f'Successfully pulled image "{name}" in {_duration(ended - began)} ({_duration(ended - asked)} including'
            f" waiting). Image size: {size} bytes.",
        )
        return image.id if image is not None else reference


def _duration(seconds: float) -> str:
    """Return a duration as Go prints it, to the millisecond."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    if seconds < 60:
        return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s"
    return f"{int(seconds // 60)}m{seconds % 60:.3f}".rstrip("0").rstrip(".") + "s"
