"""Which representation a client accepts: the object itself, a Table, or metadata only.

Pure. Takes an Accept header; gives the first offer that can be served, in the client's order.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from dataclasses import dataclass
from typing import Final

from podbay.api.errors import NotAcceptable

_TABLE_VERSIONS: Final = ("v1", "v1beta1")
_AS: Final = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True, slots=True)
class Representation:
    """``kind`` is empty for the object itself; ``version`` is meta.k8s.io's; ``yaml`` says the encoding."""

    kind: str = ""
    version: str = "v1"
    yaml: bool = False


def negotiate(accept: str) -> Representation:
    """Return what to answer with. Raises NotAcceptable when nothing fits."""
    if not accept:
        return Representation()
    for offer in accept.split(","):
        media, _, rest = offer.strip().partition(";")
        parameters = dict(part.strip().partition("=")[::2] for part in rest.split(";") if part.strip())
        media = media.strip().lower()
        if media in ("application/json", "*/*", "application/*", "application/yaml"):
            yaml = media == "application/yaml"
            kind = parameters.get("as", "")
            if not kind:
                return Representation(yaml=yaml)
            version = parameters.get("v", "v1")
            if kind in _AS and parameters.get("g") == "meta.k8s.io" and version in _TABLE_VERSIONS:
                return Representation("Table" if kind == "Table" else "PartialObjectMetadata", version, yaml)
    raise NotAcceptable(
        "only the following media types are accepted: application/json, application/yaml,"
        " application/json;as=Table;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
    )


def is_discovery_request(accept: str) -> str:
    """Return the version of aggregated discovery that a client asks for first, or nothing."""
    for offer in accept.split(","):
        parts = [part.strip() for part in offer.split(";")]
        if "as=APIGroupDiscoveryList" in parts and "g=apidiscovery.k8s.io" in parts:
            for version in ("v2", "v2beta1"):
                if f"v={version}" in parts:
                    return version
        elif parts[0] in ("application/json", "*/*") and len(parts) == 1:
            return ""
    return ""
