"""Why a volume cannot be set up: what upstream's FailedMount event says after the volume's name."""

import os


class VolumeProblem(Exception):
    """A volume that cannot be set up now; it is tried again."""


def problem_of(error: OSError) -> VolumeProblem:
    """Return what an error of the system says, without Python's number and quotes."""
    said = os.strerror(error.errno).lower() if error.errno else str(error)
    return VolumeProblem(f"{error.filename}: {said}" if error.filename else said)
