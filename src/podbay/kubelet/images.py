"""Images on the node: pulled when the policy says so, with a back-off after failures.

Takes a container's image and policy, and the pod's pull secrets; gives the reference to make the container from, or a
PullProblem with upstream's reason. Events are told through a callback. ``pulling`` does the pulling.
Invariant: a pod that has to pull pulls with its own credentials, whoever else pulls the same image at the same time.
Source: https://kubernetes.io/docs/concepts/containers/images/
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from podbay.api.images import parse_image_name
from podbay.api.pod_containers import each_container
from podbay.cri.runtime import Image, PullCredentials, Runtime, RuntimeFailure
from podbay.kubelet.backoffs import Backoffs
from podbay.kubelet.keyring import BadPullSecret, credentials_for
from podbay.kubelet.pulling import Puller, PullFailed, why_waiting
from podbay.lib.clock import Clock
from podbay.wire.durations import go_duration

Tell = Callable[[str, str, str], None]  # type, reason, message
_TELL_AGAIN_S: Final = 2.0
_INSPECT_AGAIN_S: Final = 10.0
_LOOK_AGAIN_S: Final = 60.0
_REMEMBERED: Final = 1000


class PullProblem(Exception):
    """Why a container waits for its image. ``retry_s`` is when to try again."""

    def __init__(self, reason: str, message: str, retry_s: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_s = retry_s


def as_container(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a volume takes from an image as a container would ask for it."""
    return {"image": source["reference"], "imagePullPolicy": source["pullPolicy"]}


class Images:
    """See the module."""

    def __init__(
        self, runtime: Runtime, clock: Clock, at_once: int | None = 1, on_pulled: Callable[[], None] = lambda: None
    ) -> None:
        self._runtime = runtime
        self._puller = Puller(runtime, clock, at_once)
        self._on_pulled = on_pulled
        self._clock = clock
        self._backoffs = Backoffs()
        self._errors: dict[str, tuple[str, float]] = {}
        self._known: dict[str, Image] = {}

    async def ensure(
        self, pod: Mapping[str, Any], container: Mapping[str, Any], secrets: Sequence[Mapping[str, Any]], tell: Tell
    ) -> str:
        """Return the image's reference. Raises PullProblem; RuntimeFailure if the runtime is away."""
        name = container["image"]
        policy = container.get("imagePullPolicy", "IfNotPresent")
        try:
            parsed = parse_image_name(name)
        except ValueError as error:
            message = f'Failed to apply default image tag "{name}": {error}'
            tell("Warning", "InspectFailed", message)
            raise PullProblem("InvalidImageName", message, _LOOK_AGAIN_S) from None
        full = str(parsed)
        present = None if policy == "Always" else await self._find(name, full, tell)
        if present is None and policy == "Never":
            message = f'Container image "{name}" is not present with pull policy of Never'
            tell("Warning", "ErrImageNeverPull", message)
            raise PullProblem("ErrImageNeverPull", message, _LOOK_AGAIN_S)
        try:
            credentials = credentials_for(secrets, parsed.repository)
        except BadPullSecret as error:
            raise PullProblem(str(error), str(error), _LOOK_AGAIN_S) from None
        if present is not None:
            tell("Normal", "Pulled", f'Container image "{name}" already present on machine')
            return present.id
        return await self._pull(f"{pod['metadata']['uid']}/{full}", name, full, credentials, tell)

    async def shown(self, reference: str) -> str:
        """Return how a pod's status names an image: by its digest, if it has one. Raises RuntimeFailure."""
        image = await self.known(reference)
        return image.digests[0] if image and image.digests else reference

    async def known(self, reference: str) -> Image | None:
        """Return an image by its reference, if it is there. Raises RuntimeFailure."""
        if reference not in self._known:
            image = await self._runtime.image(reference)
            if image is None:
                return None
            self._remember(image)
        return self._known.get(reference)

    def forget(self, pod: Mapping[str, Any]) -> None:
        """Forget the failures of a pod that is gone."""
        volumes = [v["image"] for v in pod["spec"].get("volumes") or () if v.get("image") is not None]
        for container in [*(c for _, c in each_container(pod["spec"])), *map(as_container, volumes)]:
            with contextlib.suppress(ValueError):
                key = f"{pod['metadata']['uid']}/{parse_image_name(container['image'])}"
                self._errors.pop(key, None)
                self._backoffs.forget(key)

    async def _find(self, name: str, full: str, tell: Tell) -> Image | None:
        try:
            found = await self._runtime.image(full)
        except RuntimeFailure as error:
            if error.code == "UNAVAILABLE":
                raise
            message = f'Failed to inspect image "{name}": {error}'
            tell("Warning", "InspectFailed", message)
            raise PullProblem("ImageInspectError", message, _INSPECT_AGAIN_S) from None
        if found is not None:
            self._remember(found)
        return found

    async def _pull(self, key: str, name: str, full: str, credentials: Sequence[PullCredentials], tell: Tell) -> str:
        now = self._clock.monotonic()
        known = self._errors.get(key)
        if known is not None:
            error, failed = known
            left = self._backoffs.left_s(key, failed, now)
            if left > 0:
                tell("Normal", "BackOff", f'Back-off pulling image "{name}"')
                raise PullProblem("ImagePullBackOff", f'Back-off pulling image "{name}": {error}', left)
        tell("Normal", "Pulling", f'Pulling image "{name}"')
        try:
            pulled = await self._puller.pull(full, credentials)
        except PullFailed as failure:
            now = self._clock.monotonic()
            self._backoffs.next(key, now, now)
            reason, message = why_waiting(name, str(failure))
            self._errors[key] = (f"{reason}: {message}", now)
            tell("Warning", "Failed", f'Failed to pull image "{name}": {failure}')
            raise PullProblem(reason, message, _TELL_AGAIN_S) from None
        self._errors.pop(key, None)
        self._backoffs.forget(key)
        image = await self._runtime.image(pulled.reference)
        if image is not None:
            self._remember(image)
        took, waited = go_duration(pulled.took_s), go_duration(pulled.waited_s)
        size = image.size_bytes if image is not None else 0
        told = f'Successfully pulled image "{name}" in {took} ({waited} including waiting). Image size: {size} bytes.'
        tell("Normal", "Pulled", told)
        self._on_pulled()
        return image.id if image is not None else pulled.reference

    def _remember(self, image: Image) -> None:
        for reference in (image.id, *image.digests):  # runtimes differ in by which a container names its image
            self._known.pop(reference, None)
            self._known[reference] = image
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
