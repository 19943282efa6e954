"""Defaults of secrets, whose ``stringData`` is another way to write ``data``.

Takes a secret; changes it in place. Invariant: a stored secret never has ``stringData``.
Source: https://kubernetes.io/docs/concepts/configuration/secret/
"""

import base64
from typing import Any


def default_secret(secret: dict[str, Any]) -> None:
    """Make the type Opaque if none is said, and move ``stringData`` into ``data``, where it wins."""
    if not secret.get("type"):
        secret["type"] = "Opaque"
    texts = secret.pop("stringData", None)
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode("ascii") for key, text in texts.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}
