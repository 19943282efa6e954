"""Clusters for flow tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flow.cluster import Cluster, running_cluster


@pytest.fixture
async def empty_cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    """Give a cluster without nodes."""
    async with running_cluster(tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def cluster(empty_cluster: Cluster) -> Cluster:
    """Give a cluster with one node, ``node-1``."""
    await empty_cluster.add_node("node-1")
    return empty_cluster
