"""Manifests: files, directories, URLs and standard input become objects, with where they came from.

Takes ``-f`` values; gives objects in order. What cannot be read is CommandError with line and column.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from podbay.api.resources import Resource, find_kind
from podbay.kubectl.errors import CommandError

_EXTENSIONS: Final = (".yaml", ".yml", ".json")
_LIMIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object and the file that it is from, as messages name it."""

    obj: dict[str, Any]
    source: str
    resource: Resource


def read_manifests(files: Sequence[str], *, recursive: bool) -> Iterator[Manifest]:
    """Yield the objects of every file. Raises CommandError."""
    if not files:
        raise CommandError("must specify one of -f and -k")
    for file in files:
        for source, text in _texts(file, recursive=recursive):
            for obj in _objects(source, text):
                yield _manifest(source, obj)


def _texts(file: str, *, recursive: bool) -> Iterator[tuple[str, bytes]]:
    if file == "-":
        yield "STDIN", sys.stdin.buffer.read()
    elif file.startswith(("http://", "https://")):
        yield file, _fetched(file)
    else:
        path = Path(file)
        if path.is_dir():
            found = sorted(path.rglob("*") if recursive else path.iterdir())
            chosen = [p for p in found if p.is_file() and p.suffix in _EXTENSIONS]
            if not chosen:
                raise CommandError(f"error reading [{file}]: recognized file extensions are [.json .yaml .yml]")
        else:
            chosen = [path]
        for one in chosen:
            try:
                yield str(one), one.read_bytes()
            except FileNotFoundError:
                raise CommandError(f'the path "{file}" does not exist') from None
            except OSError as error:
                raise CommandError(f"error reading [{file}]: {error.strerror}") from None


def _fetched(url: str) -> bytes:
    import urllib.error
    import urllib.parse
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=_LIMIT_S) as answer:
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        raise CommandError(
            f'unable to read URL "{url}", server reported {error.code} {error.reason}, status code={error.code}'
        ) from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            where = urllib.parse.urlsplit(url).netloc
            raise CommandError(
                f"The connection to the server {where} was refused - did you specify the right host or port?"
            ) from None
        raise CommandError(f'unable to read URL "{url}": {error.reason}') from None
    except (OSError, ValueError) as error:
        raise CommandError(f'unable to read URL "{url}": {error}') from None


def _objects(source: str, text: bytes) -> Iterator[dict[str, Any]]:
    from podbay.wire import json, yaml

    if text.lstrip()[:1] == b"{":
        try:
            documents = [json.decode(text)]
        except ValueError:
            documents = _yaml(source, text, yaml)
    else:
        documents = _yaml(source, text, yaml)
    for document in documents:
        if not isinstance(document, dict):
            raise CommandError(
                f'error validating "{source}": error validating data: invalid object to validate;'
                " if you choose to ignore these errors, turn validation off with --validate=false"
            )
        if str(document.get("kind", "")).endswith("List") and isinstance(document.get("items"), list):
            yield from document["items"]
        else:
            yield document


def _yaml(source: str, text: bytes, yaml: Any) -> list[Any]:
    try:
        return list(yaml.load_all(text))
    except ValueError as error:
        raise CommandError(f"error parsing {source}: {error}") from None


def _manifest(source: str, obj: dict[str, Any]) -> Manifest:
    shown = f'"{source}"'
    kind, api_version = obj.get("kind"), obj.get("apiVersion")
    missing = [f"{name} not set" for name, value in (("apiVersion", api_version), ("kind", kind)) if not value]
    if missing:
        told = missing[0] if len(missing) == 1 else f"[{', '.join(missing)}]"
        raise CommandError(
            f"error validating {shown}: error validating data: {told};"
            " if you choose to ignore these errors, turn validation off with --validate=false"
        )
    resource = find_kind(str(api_version), str(kind))
    if resource is None:
        metadata = obj.get("metadata") or {}
        name, namespace = metadata.get("name", ""), metadata.get("namespace", "")
        raise CommandError(
            f'resource mapping not found for name: "{name}" namespace: "{namespace}"'
            f' from {shown}: no matches for kind "{kind}" in version "{api_version}"\nensure CRDs are installed first'
        )
    if not isinstance(obj.get("metadata", {}), dict):
        raise CommandError(f"error parsing {source}: metadata is no object")
    return Manifest(obj, source, resource)
