from podbay.api.quantity import Quantity
from podbay.kubectl.flags import parse
from podbay.kubectl.top import measured, pod

PODS = [
    {
        "metadata": {"name": name, "namespace": namespace},
        "containers": [
            {"name": "main", "usage": {"cpu": cpu, "memory": memory}},
            {"name": "aside", "usage": {"cpu": "1", "memory": "1Mi"}},
        ],
    }
    for name, namespace, cpu, memory in (("a", "z", "430056698n", "308Ki"), ("b", "y", "2", "3Mi"))
]


def rows(*words: str) -> list[list[str]]:
    return pod._rows(parse(pod.FLAGS, words), PODS)


def test_a_pod_uses_what_its_containers_use_together() -> None:
    assert rows() == [["NAME", "CPU(cores)", "MEMORY(bytes)"], ["a", "1431m", "1Mi"], ["b", "3000m", "4Mi"]]


def test_the_largest_comes_first_if_that_is_asked_for() -> None:
    assert [row[0] for row in rows("--no-headers", "--sort-by=cpu")] == ["b", "a"]


def test_everywhere_it_is_sorted_by_namespace_first() -> None:
    assert [row[:2] for row in rows("-A")] == [["NAMESPACE", "NAME"], ["y", "b"], ["z", "a"]]


def test_containers_have_rows_of_their_own_and_a_sum_below() -> None:
    assert rows("--containers", "--sum") == [
        ["POD", "NAME", "CPU(cores)", "MEMORY(bytes)"],
        ["a", "aside", "1000m", "1Mi"],
        ["a", "main", "431m", "0Mi"],
        ["b", "aside", "1000m", "1Mi"],
        ["b", "main", "2000m", "3Mi"],
        ["", "", "________", "________"],
        ["", "", "4431m", "5Mi"],
    ]


def test_columns_are_set_as_kubectl_sets_them() -> None:
    assert measured.text([["NAME", "CPU(cores)"], ["a", "1m"]]) == "NAME   CPU(cores)   \na      1m           \n"
    assert measured.cpu(Quantity.parse("1n")) == "1m"
