"""The six figures, one module each: ``measure(effort)`` gives a section.

Goals are those of the project's first milestone; what holds a missed one back is written beside its line.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How often things are measured, and whether Debian's podman may be installed if it is missing."""

    starts: int = 8
    pods: int = 200
    podman_pods: int = 20
    rest_s: float = 60.0
    rounds: int = 4
    round_s: float = 2.0
    stored_pods: int = 5000
    running_pods: int = 100
    watchers: int = 1000
    events: int = 40
    mixed_s: float = 12.0
    commands: int = 40
    full_node: int = 110
    install_podman: bool = False


QUICK = Effort(
    starts=2, pods=12, podman_pods=2, rest_s=10.0, rounds=2, round_s=1.0, stored_pods=1000, running_pods=10,
    watchers=200, events=8, mixed_s=4.0, commands=8, full_node=20,
)  # fmt: skip
