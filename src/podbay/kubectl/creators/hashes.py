"""The suffix that ``--append-hash`` gives to a name: ten characters of a hash of the content.

Pure. Source: upstream's hash of config maps and secrets, which kustomize has too.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

_LETTERS: Final = str.maketrans("013ae", "ghkmt")
_LENGTH: Final = 10


def hash_of(content: Mapping[str, Any]) -> str:
    """Return the suffix for an object's kind, name and data."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH].translate(_LETTERS)
