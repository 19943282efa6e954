"""What holds for every test: property tests are judged by what they find, and nobody's own files are touched."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail.
settings.register_profile("podbay", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("podbay")


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the tests, and all that they start, a home and a kubeconfig of their own."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        patch.setenv("KUBECONFIG", str(home / "kubeconfig"))
        yield
