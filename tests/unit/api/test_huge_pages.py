import pytest

from podbay.api import huge_pages


@pytest.mark.parametrize(
    ("size", "resource", "unit"),
    [
        (64 << 10, "hugepages-64Ki", "64KB"),
        (2 << 20, "hugepages-2Mi", "2MB"),
        (32 << 20, "hugepages-32Mi", "32MB"),
        (1 << 30, "hugepages-1Gi", "1GB"),
        (16 << 30, "hugepages-16Gi", "16GB"),
    ],
)
def test_a_size_has_a_name_as_a_resource_and_one_for_runtimes(size: int, resource: str, unit: str) -> None:
    assert (huge_pages.resource_name(size), huge_pages.unit_name(size)) == (resource, unit)
    assert huge_pages.page_size(resource).value == size


def test_every_size_that_the_machine_has_is_limited_and_no_other() -> None:
    asked = huge_pages.amounts_of(
        {"cpu": "1", "hugepages-2Mi": "6Mi", "hugepages-2048Ki": "6Mi", "hugepages-32Mi": "1"}
    )
    assert asked == {2 << 20: 6 << 20, 32 << 20: 1}
    assert huge_pages.limits(asked, (2 << 20, 1 << 30)) == (("2MB", 6 << 20), ("1GB", 0))
    assert huge_pages.limits({}, ()) == ()
