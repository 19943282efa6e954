"""The images of the pretended runtime, and the registries that they come from.

Takes names; gives images, whose digests are made from their names. ``pullable`` None: every image can be pulled;
``private`` says by registry, or by registry and path, who may pull.
"""

import hashlib
from collections.abc import Collection, Mapping

from podbay.cri.runtime import Image, PullCredentials, RuntimeFailure


class Images:
    """See the module."""

    def __init__(self) -> None:
        self._images: dict[str, Image] = {}

    def all(self) -> list[Image]:
        """Return all images."""
        return list(self._images.values())

    def find(self, name: str) -> Image | None:
        """Return an image by its id, or by one of its names."""
        for image in self._images.values():
            if name in (image.id, *image.tags, *image.digests):
                return image
        return None

    def add(self, name: str, size_bytes: int = 4096, *, is_pinned: bool = False) -> Image:
        """Have an image on the node."""
        digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        repository = name.partition("@")[0]
        tail = repository.rpartition("/")[2]
        if ":" in tail:
            repository = repository.removesuffix(":" + tail.partition(":")[2])
        tags = () if "@" in name else (name,)
        image = Image(
            id=digest, tags=tags, digests=(f"{repository}@{digest}",), size_bytes=size_bytes, is_pinned=is_pinned
        )
        self._images[digest] = image
        return image

    def remove(self, name: str) -> None:
        """Remove an image if it is there."""
        found = self.find(name)
        if found is not None:
            del self._images[found.id]

    def pull(
        self,
        name: str,
        credentials: PullCredentials | None,
        pullable: Collection[str] | None,
        private: Mapping[str, Collection[PullCredentials]],
    ) -> Image:
        """Fetch an image if it can be pulled, and by whom it may be. Raises RuntimeFailure."""
        if any(name.startswith(f"{place}/") and credentials not in may for place, may in private.items()):
            said = f"pulling from host {name.partition('/')[0]} failed with status code [manifests 1]: 401 Unauthorized"
            raise RuntimeFailure(
                "UNKNOWN", f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {said}'
            )
        if pullable is not None and name not in pullable:
            raise RuntimeFailure(
                "NOT_FOUND",
                f'failed to pull and unpack image "{name}": failed to resolve reference "{name}": {name}: not found',
            )
        return self.add(name)
