"""What flags say about printed documents, whatever their format.

Pure data. Made by commands; taken by ``printers.objects``.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What is shown, and how.

    ``typed``: the object was made here, and JSON keeps its fields' order, as kubectl's own types do. ``of_get``: the
    formats of ``get``, which knows more than other commands.
    """

    managed_fields: bool = False
    allow_missing: bool = True
    headers: bool = True
    typed: bool = False
    of_get: bool = True
