"""Removes images that nobody uses when their disk becomes full, those first that were used last long ago.

Takes the runtime's images and containers, and how full the disk is; tells what fails of the node. Looks every five
minutes, and remembers since when it has known each image and when it saw it used.
Invariant: an image that a container was made of, that is pinned, or that has come only just now, stays. Nothing is
removed below the high threshold; above it, no more than brings the disk to the low one. One looks and removes at a
time, whoever asks.
Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#containers-images ; upstream's
ImageGCManager and StartGarbageCollection.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from podbay.cri.runtime import Image, Runtime, RuntimeFailure
from podbay.kubelet.config import KubeletConfig
from podbay.kubelet.stats import disk_usage
from podbay.kubelet.stats.samples import Filesystem
from podbay.lib.activity import Activity
from podbay.lib.clock import Clock

_log = logging.getLogger(__name__)

Tell = Callable[[str, str], None]  # reason, message of a warning about the node
_DISABLED_PERCENT: Final = 100
_NEVER: Final = float("-inf")


class ImageGarbageFailure(Exception):
    """The disk is too full, and could not be freed as far as it should be."""


@dataclass(slots=True)
class _Known:
    """What is remembered of an image; times are the clock's."""

    image: Image
    found_at: float
    used_at: float = _NEVER


class ImageGarbage:
    """See the module. ``mounted`` gives the names of the images that pods have as volumes."""

    def __init__(
        self,
        runtime: Runtime,
        config: KubeletConfig,
        clock: Clock,
        activity: Activity,
        *,
        tell: Tell,
        mounted: Callable[[], Collection[str]] = frozenset,
        measure: Callable[[Path], Filesystem] = disk_usage.filesystem,
    ) -> None:
        self._runtime = runtime
        self._config = config
        self._clock = clock
        self._activity = activity
        self._tell = tell
        self._mounted = mounted
        self._measure = measure
        self._known: dict[str, _Known] = {}
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        has_failed = False
        while True:
            with self._activity.working("image garbage"):
                try:
                    await self.collect()
                    has_failed = False
                except (ImageGarbageFailure, RuntimeFailure, OSError) as error:
                    _log.warning("image garbage collection: %s", error)
                    if has_failed:  # once may be because there are no figures yet
                        self._tell("ImageGCFailed", str(error))
                    has_failed = True
            await self._clock.sleep(self._config.image_gc_period_s)

    async def collect(self) -> None:
        """Look once. Raises ImageGarbageFailure, RuntimeFailure, OSError."""
        if self._config.image_gc_high_percent < _DISABLED_PERCENT:
            async with self._turn:
                await self._collect()

    async def remove_unused(self) -> None:
        """Remove every image that nobody uses and that is old enough. Raises ImageGarbageFailure, RuntimeFailure."""
        async with self._turn:
            now = self._clock.monotonic()
            await self._look(now)
            await self._free(sys.maxsize, now)

    async def _collect(self) -> None:
        now = self._clock.monotonic()
        await self._look(now)
        filesystem = await self._filesystem()
        capacity, available = filesystem.capacity_bytes, min(filesystem.available_bytes, filesystem.capacity_bytes)
        if capacity == 0:
            message = "invalid capacity 0 on image filesystem"
            self._tell("InvalidDiskCapacity", message)
            raise ImageGarbageFailure(message)
        if 100 - available * 100 // capacity < self._config.image_gc_high_percent:
            return
        wanted = capacity * (100 - self._config.image_gc_low_percent) // 100 - available
        freed = await self._free(wanted, now)
        if freed < wanted:
            message = (
                f"Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, but only"
                f" found {freed} bytes eligible to free."
            )
            self._tell("FreeDiskSpaceFailed", message)
            raise ImageGarbageFailure(message)

    async def _filesystem(self) -> Filesystem:
        place = await self._runtime.image_filesystem()
        if place is None:
            raise ImageGarbageFailure("the runtime does not say where its images are")
        return await asyncio.to_thread(self._measure, Path(place.path))

    async def _look(self, now: float) -> None:
        """Note what is there and what is used now."""
        images, containers = await asyncio.gather(self._runtime.images(), self._runtime.containers())
        used = {container.image_ref for container in containers} | set(self._mounted())
        known = self._known
        self._known = {image.id: known.get(image.id, _Known(image, now)) for image in images}
        for image in images:
            entry = self._known[image.id]
            entry.image = image
            if not used.isdisjoint((image.id, *image.tags, *image.digests)):
                entry.used_at = now

    async def _free(self, wanted: int, now: float) -> int:
        """Remove unused images until so many bytes are freed; return how many were. Raises ImageGarbageFailure."""
        freed = 0
        failures: list[str] = []
        for key, entry in sorted(self._known.items(), key=lambda item: (item[1].used_at, item[1].found_at)):
            if freed >= wanted:
                break
            if entry.used_at >= now or self._is_pinned(entry.image):
                continue
            if now - entry.found_at < self._config.image_minimum_gc_age_s:
                continue
            _log.info("removing image %s to free %d bytes", key, entry.image.size_bytes)
            try:
                await self._runtime.remove_image(key)
            except RuntimeFailure as error:
                failures.append(str(error))
                continue
            del self._known[key]
            freed += entry.image.size_bytes
        if failures:
            told = failures[0] if len(failures) == 1 else f"[{', '.join(failures)}]"
            raise ImageGarbageFailure(
                f"wanted to free {wanted} bytes, but freed {freed} bytes space with errors in image deletion: {told}"
            )
        return freed

    def _is_pinned(self, image: Image) -> bool:
        return image.is_pinned or not set(self._config.pinned_images).isdisjoint(image.tags)
