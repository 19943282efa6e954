"""Image names: registry, repository, tag and digest of what a container's ``image`` says.

Takes the text from a pod; gives its parts to defaults (the pull policy), the kubelet (what to pull) and the image
registry. Invariant: ``str`` of a parsed name is fully spelled out, so two spellings of one image compare equal.
Source: https://pkg.go.dev/github.com/distribution/reference
"""

import re
from dataclasses import dataclass
from typing import Final

DEFAULT_TAG: Final = "latest"
_DEFAULT_REGISTRY: Final = "docker.io"
_DOMAIN_PART: Final = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN: Final = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART: Final = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH: Final = f"{_PATH_PART}(?:/{_PATH_PART})*"
_DIGEST: Final = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE: Final = re.compile(rf"({_DOMAIN})/({_PATH})(?::([\w][\w.-]{{0,127}}))?(?:@({_DIGEST}))?", re.ASCII)
_IMAGE_ID: Final = re.compile("[a-f0-9]{64}")
_LONGEST_PATH: Final = 255


@dataclass(frozen=True, slots=True)
class ImageName:
    """A parsed image name. Tag and digest are empty where none is meant; without a digest there is a tag."""

    registry: str
    path: str
    tag: str
    digest: str

    @property
    def repository(self) -> str:
        """Return registry and path."""
        return f"{self.registry}/{self.path}"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def parse_image_name(text: str) -> ImageName:
    """Return the parts of an image name; the tag is ``latest`` if it says neither tag nor digest. Raises ValueError."""
    try:
        return _parsed(text)
    except ValueError as error:
        raise ValueError(f'couldn\'t parse image name "{text}": {error}') from None


def _parsed(text: str) -> ImageName:
    if _IMAGE_ID.fullmatch(text):
        raise ValueError(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    registry, rest = _split(text)
    remote = rest.partition(":")[0] if "@" not in rest else rest.partition("@")[0].partition(":")[0]
    if remote != remote.lower():
        raise ValueError(f"invalid reference format: repository name ({remote}) must be lowercase")
    match = _REFERENCE.fullmatch(f"{registry}/{rest}")
    if match is None:
        raise ValueError("invalid reference format")
    registry, path, tag, digest = match[1], match[2], match[3] or "", match[4] or ""
    if len(path) > _LONGEST_PATH:
        raise ValueError(f"repository name must not be more than {_LONGEST_PATH} characters")
    return ImageName(registry, path, tag or ("" if digest else DEFAULT_TAG), digest)


def _split(text: str) -> tuple[str, str]:
    """Return (registry, rest): the first part is a registry only if it looks like a host."""
    first, slash, rest = text.partition("/")
    is_host = slash and (any(c in first for c in ".:") or first == "localhost" or first != first.lower())
    registry, rest = (first, rest) if is_host else (_DEFAULT_REGISTRY, text)
    if registry == "index.docker.io":
        registry = _DEFAULT_REGISTRY
    if registry == _DEFAULT_REGISTRY and "/" not in rest:
        rest = f"library/{rest}"
    return registry, rest
