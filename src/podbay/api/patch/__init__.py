"""Patches: applying the three kinds that the API takes, and making the two kinds that clients send.

Takes plain documents (and for strategic patches the kind's definition); gives new documents, never changing what it
was given. Invariant: a patch is applied whole, or PatchError tells why not.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply
"""

from podbay.api.patch.errors import PatchError, status_error
from podbay.api.patch.merge import merge_patch, three_way_merge, two_way_merge
from podbay.api.patch.operations import json_patch
from podbay.api.patch.strategic import strategic_merge_patch
from podbay.api.patch.strategic_diff import three_way_strategic, two_way_strategic

__all__ = [
    "PatchError",
    "json_patch",
    "merge_patch",
    "status_error",
    "strategic_merge_patch",
    "three_way_merge",
    "three_way_strategic",
    "two_way_merge",
    "two_way_strategic",
]
