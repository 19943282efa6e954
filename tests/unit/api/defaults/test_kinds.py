from typing import Any

from podbay.api.defaults import set_defaults
from podbay.api.resources import CONFIG_MAPS, NAMESPACES, NODES, SECRETS


def test_a_namespace_is_labelled_with_its_name_and_active() -> None:
    namespace: dict[str, Any] = {"metadata": {"name": "n", "labels": {"a": "b"}}}
    set_defaults(NAMESPACES, namespace)
    assert namespace["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "n"}
    assert namespace["status"] == {"phase": "Active"}


def test_a_namespace_without_a_name_is_not_labelled_yet() -> None:
    namespace: dict[str, Any] = {"metadata": {"generateName": "n-"}}
    set_defaults(NAMESPACES, namespace)
    assert "labels" not in namespace["metadata"]


def test_a_secrets_texts_become_data_and_win() -> None:
    secret = {"data": {"a": "MQ==", "b": "Mg=="}, "stringData": {"b": "drei"}}
    set_defaults(SECRETS, secret)
    assert secret == {"type": "Opaque", "data": {"a": "MQ==", "b": "ZHJlaQ=="}}


def test_a_nodes_allocatable_is_its_capacity_and_its_ranges_agree() -> None:
    node: dict[str, Any] = {"spec": {"podCIDR": "10.1.0.0/24"}, "status": {"capacity": {"cpu": "2000m"}}}
    set_defaults(NODES, node)
    assert node["spec"]["podCIDRs"] == ["10.1.0.0/24"]
    assert node["status"]["allocatable"] == {"cpu": "2"}


def test_a_kind_without_defaults_is_left_alone() -> None:
    config_map = {"data": {"a": "b"}}
    set_defaults(CONFIG_MAPS, config_map)
    assert config_map == {"data": {"a": "b"}}
