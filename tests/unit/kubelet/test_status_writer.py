from podbay.kubelet.status_writer import difference

UNREADY = {
    "type": "Ready",
    "status": "False",
    "reason": "ContainersNotReady",
    "message": "m",
    "lastTransitionTime": "1",
}
READY = {"type": "Ready", "status": "True", "lastTransitionTime": "2"}


def test_what_is_the_same_is_not_written() -> None:
    status = {"phase": "Running", "conditions": [READY], "podIP": "10.0.0.1"}
    assert difference(status, dict(status)) == {}


def test_only_what_differs_is_written() -> None:
    assert difference({"phase": "Pending", "qosClass": "Burstable"}, {"phase": "Running", "qosClass": "Burstable"}) == {
        "phase": "Running"
    }


def test_what_a_condition_says_no_more_is_taken_from_it() -> None:
    assert difference({"conditions": [UNREADY]}, {"conditions": [READY]}) == {
        "conditions": [{**READY, "reason": None, "message": None}]
    }


def test_an_address_that_is_gone_is_taken_away_and_a_new_one_replaces_the_old() -> None:
    old = {"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]}
    assert difference(old, {}) == {"podIP": None, "podIPs": None}
    assert difference(old, {"podIP": "10.0.0.2", "podIPs": [{"ip": "10.0.0.2"}]}) == {
        "podIP": "10.0.0.2",
        "podIPs": [{"ip": "10.0.0.2"}, {"$patch": "replace"}],
    }
