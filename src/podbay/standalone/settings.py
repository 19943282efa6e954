"""What is decided when a cluster is made, and its file.

Takes a file's text; gives settings, or says what is wrong with it. Pure.
Invariant: what is not understood is refused, never dropped.
"""

import ipaddress
import json
from dataclasses import asdict, dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What was decided when a cluster was made.

    ``oci_runtime`` is runc or crun; a cluster keeps its own. ``runtime_endpoint`` is a containerd that was there
    already, or empty for a private one.
    """

    port: int
    kubelet_port: int
    cluster_cidr: str
    node_cidr: str
    nodes: int = 1
    oci_runtime: str = "runc"
    runtime_endpoint: str = ""

    def text(self) -> str:
        """Return the text of the file."""
        return json.dumps(asdict(self), indent=2) + "\n"


def parse_settings(text: str) -> Settings:
    """Return settings from a file's text. Raises ValueError that says what is wrong with it."""
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ValueError("it holds no settings")
    unknown = sorted(set(values) - {field.name for field in fields(Settings)})
    if unknown:
        raise ValueError(f"another version of podbay wrote it: {unknown[0]} is not known")
    try:
        settings = Settings(**values)
    except TypeError as error:
        raise ValueError(str(error).partition("() ")[2]) from None
    for field in fields(Settings):
        if type(getattr(settings, field.name)) is not field.type:
            raise ValueError(f"{field.name} has a value of another type")
    for cidr in (settings.cluster_cidr, settings.node_cidr):
        ipaddress.ip_network(cidr)
    return settings
