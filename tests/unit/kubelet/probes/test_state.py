from podbay.kubelet.probes.state import ProbeState


def counted(state: ProbeState, *answers: bool) -> list[bool]:
    return [state.count(is_well=answer) for answer in answers]


def test_a_result_changes_after_as_many_equal_answers_in_a_row_as_said() -> None:
    state = ProbeState("readiness", {"failureThreshold": 3, "successThreshold": 2})
    state.begin("a")
    assert counted(state, True, False, True, True) == [False, False, False, True]
    assert state.result is True
    assert counted(state, False, False, True, False, False, False) == [False] * 5 + [True]
    assert state.result is False


def test_what_is_not_known_yet_is_alive_but_neither_ready_nor_started() -> None:
    assert [ProbeState(kind, {}).result for kind in ("liveness", "readiness", "startup")] == [True, False, None]


def test_a_container_that_is_not_alive_is_asked_no_more_until_there_is_another() -> None:
    for kind in ("liveness", "startup"):
        state = ProbeState(kind, {"failureThreshold": 1})
        state.begin("a")
        assert counted(state, False) == [True] and state.is_final
        state.begin("b")
        assert not state.is_final and state.result is not False


def test_what_an_earlier_kubelet_has_found_holds_on() -> None:
    state = ProbeState("readiness", {})
    state.begin("a", told=True)
    assert state.result is True
