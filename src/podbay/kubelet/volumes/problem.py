"""Why a volume cannot be set up: what upstream's FailedMount event says of it."""

import os
from typing import Final

UNMOUNTED: Final = "{unmounted}"  # stands in an event for the pod's volumes that are not set up
_SET_UP: Final = 'MountVolume.SetUp failed for volume "{}" : {}'


class VolumeProblem(Exception):
    """A volume that cannot be set up now; it is tried again. ``event`` is what is told instead of the usual."""

    def __init__(self, problem: str, *, event: str = "") -> None:
        super().__init__(problem)
        self._event = event

    def event(self, volume: str, unmounted: list[str]) -> str:
        """Return the event of a pod's volume of that name, beside which these are not set up either."""
        told = self._event or _SET_UP.format(volume, self)
        return told.replace(UNMOUNTED, " ".join(unmounted))


def problem_of(error: OSError) -> VolumeProblem:
    """Return what an error of the system says, without Python's number and quotes."""
    said = os.strerror(error.errno).lower() if error.errno else str(error)
    return VolumeProblem(f"{error.filename}: {said}" if error.filename else said)
