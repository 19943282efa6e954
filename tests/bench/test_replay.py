from bench.cri.proxy import Call
from bench.cri.replay import predecessors, with_ids
from podbay.cri.proto import runtime_pb2


def call(method: str, began_s: float, ended_s: float, request: bytes = b"") -> Call:
    path = f"/runtime.v1.RuntimeService/{method}"
    return Call(path=path, request=request, answer=b"", began_s=began_s, ended_s=ended_s)


def test_requests_that_were_under_way_together_do_not_wait_for_each_other() -> None:
    calls = [call("ListPodSandbox", 0, 2), call("ListContainers", 1, 3), call("RunPodSandbox", 4, 9)]
    assert predecessors(calls) == [[], [], [0, 1]]


def test_a_request_names_the_sandbox_that_the_runtime_gave_this_time() -> None:
    recorded = runtime_pb2.CreateContainerRequest(pod_sandbox_id="then")
    sent = with_ids(call("CreateContainer", 0, 1, recorded.SerializeToString()), {"then": "now"})
    assert runtime_pb2.CreateContainerRequest.FromString(sent).pod_sandbox_id == "now"


def test_a_request_without_an_id_is_sent_as_it_was() -> None:
    recorded = runtime_pb2.ListContainersRequest(
        filter=runtime_pb2.ContainerFilter(label_selector={"io.kubernetes.pod.uid": "1"})
    ).SerializeToString()
    assert with_ids(call("ListContainers", 0, 1, recorded), {"then": "now"}) == recorded
