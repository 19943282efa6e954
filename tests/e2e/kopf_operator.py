"""An operator that runs in a pod: it answers config maps labelled ``greet`` and says goodbye to them.

``kopf run`` loads it; the tests hand it to the pod in a config map.
"""

from typing import Any

import kopf

_WATCHED = {"greet": "yes"}


@kopf.on.create("configmaps", labels=_WATCHED)
def greet(body: kopf.Body, name: str, patch: kopf.Patch, **_: Any) -> None:
    patch["data"] = {"greeting": f"Hello, {name}!"}
    kopf.info(body, reason="Greeted", message=f"{name} was greeted")


@kopf.on.field("configmaps", field="data.mood", labels=_WATCHED)
def answer(new: Any, patch: kopf.Patch, **_: Any) -> None:
    patch["data"] = {"answer": f"{new}, too"}


@kopf.on.delete("configmaps", labels=_WATCHED)
def part(body: kopf.Body, name: str, **_: Any) -> None:
    kopf.info(body, reason="Parted", message=f"{name} was let go")


@kopf.on.cleanup()
def leave(logger: kopf.Logger, **_: Any) -> None:
    logger.info("Leaving in order.")
