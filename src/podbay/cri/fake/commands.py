"""Commands that are run in the containers of the pretended runtime.

Takes a command; gives what it comes to after it has taken its time, by its own words (see ``behaviour``).
"""

from collections.abc import Callable, Sequence

from podbay.cri.fake.behaviour import behaviour_of
from podbay.cri.fake.metadata import new_id
from podbay.cri.runtime import ContainerConfig, ExecResult, RuntimeFailure
from podbay.lib.clock import Clock


async def run(
    clock: Clock,
    name: str,
    command: Sequence[str],
    timeout_s: float,
    answer: Callable[[str, Sequence[str]], ExecResult],
) -> ExecResult:
    """Run a command in a container of that name; ``answer`` says what it comes to. Raises RuntimeFailure."""
    behaviour = behaviour_of(ContainerConfig(name=name, image="", command=command))
    if behaviour.start_error:
        problem = behaviour.start_error.rpartition("failed: ")[2]
        raise RuntimeFailure(
            "UNKNOWN",
            f'failed to exec in container: failed to start exec "{new_id()}": OCI runtime exec failed: exec failed:'
            f" {problem}",
        )
    takes_s = behaviour.runs_s or 0.0
    if 0 < timeout_s < takes_s:
        await clock.sleep(timeout_s)
        message = f"failed to exec in container: timeout {timeout_s:.0f}s exceeded: context deadline exceeded"
        raise RuntimeFailure("DEADLINE_EXCEEDED", message)
    if takes_s:
        await clock.sleep(takes_s)
    return answer(name, command)
