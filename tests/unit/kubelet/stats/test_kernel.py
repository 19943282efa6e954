from podbay.kubelet.stats import kernel
from podbay.kubelet.stats.samples import Interface

DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:  100    1    0    0    0     0          0         0   100    1    0    0    0     0       0          0
  eth0: 2343   20    3    0    0     0          0         0  3669   30    4    0    0     0       0          0
vethe1: 2343   20    3    0    0     0          0         0  3669   30    4    0    0     0       0          0
docker0:  12    1    0    0    0     0          0         0    12    1    0    0    0     0       0          0
"""  # noqa: E501


def test_interfaces_have_their_counters_and_the_loopback_and_those_of_containers_are_left_out() -> None:
    assert kernel.parse_interfaces(DEV) == (
        Interface(name="eth0", rx_bytes=2343, rx_errors=3, tx_bytes=3669, tx_errors=4),
    )


def test_a_process_that_is_gone_has_no_network() -> None:
    assert kernel.interfaces_of(1 << 30) == ()


def test_the_machine_has_processes_and_room_for_more() -> None:
    assert 1 < kernel.process_count() < kernel.most_processes()
    assert kernel.boot_time() > 0
