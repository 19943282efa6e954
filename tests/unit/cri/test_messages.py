import pytest

from podbay.cri import messages
from podbay.cri.messages import pb
from podbay.cri.runtime import ContainerState

ABANDONED = "failed to create containerd task: failed to create shim task: context canceled: unknown"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ({"reason": "StartError", "message": ABANDONED}, ContainerState.CREATED),
        ({"reason": "StartError", "message": 'exec: "/absent": no such file or directory'}, ContainerState.EXITED),
        ({"reason": "Error", "message": "context canceled", "started_at": 5}, ContainerState.EXITED),
    ],
)
def test_a_start_that_was_given_up_with_its_asker_is_no_end(status: dict[str, object], state: ContainerState) -> None:
    message = pb.ContainerStatus(id="c", state=pb.CONTAINER_EXITED, exit_code=128, finished_at=9, **status)
    assert messages.container_status(message).state is state
