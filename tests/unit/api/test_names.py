import pytest

from podbay.api import names


@pytest.mark.parametrize("name", ["a", "my-name", "123-abc", "a" * 63])
def test_a_dns_label_has_no_problem(name: str) -> None:
    assert names.dns1123_label_problems(name) == []


def test_each_problem_of_a_label_is_told() -> None:
    regex = (
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
        "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    )
    assert names.dns1123_label_problems("A" * 64) == ["must be no more than 63 characters", regex]
    assert names.dns1123_label_problems("a.b") == ["must not contain dots"]
    assert names.dns1123_label_problems("a\n") == [regex]


def test_a_subdomain_may_have_dots_and_253_characters() -> None:
    assert names.dns1123_subdomain_problems("a.b-c.d") == []
    assert names.dns1123_subdomain_problems(".".join(["a" * 62] * 5)) == ["must be no more than 253 characters"]
    assert names.dns1123_subdomain_problems("a..b") != []


def test_a_label_key_may_have_a_prefix() -> None:
    assert names.qualified_name_problems("example.com/My_Name") == []
    assert names.qualified_name_problems("/a") == ["prefix part must be non-empty"]
    assert names.qualified_name_problems("a/")[0] == "name part must be non-empty"
    assert names.qualified_name_problems("A!/a")[0].startswith("prefix part a lowercase RFC 1123 subdomain")
    assert names.qualified_name_problems("a" * 64) == ["name part must be no more than 63 characters"]
    assert names.qualified_name_problems("a/b/c")[0].endswith("(e.g. 'example.com/MyName')")


def test_a_port_name_is_a_short_service_name() -> None:
    assert names.port_name_problems("http") == []
    assert names.port_name_problems("8080") == ["must contain at least one letter (a-z)"]
    assert names.port_name_problems("a--b") == ["must not contain consecutive hyphens"]
    assert names.port_name_problems("-a") == ["must not begin or end with a hyphen"]
    assert names.port_name_problems("sixteen-letters-") == [
        "must be no more than 15 characters",
        "must not begin or end with a hyphen",
    ]


def test_an_environment_variable_may_have_any_printable_ascii_but_equals() -> None:
    assert names.env_name_problems("1 a.b-c") == []
    text = "a valid environment variable name must consist only of printable ASCII characters other than '='"
    assert names.env_name_problems("a=b") == names.env_name_problems("é") == [text]
    assert names.env_name_problems("") == ["environment variable name must be non-empty"]


def test_a_config_key_is_no_way_out_of_its_directory() -> None:
    assert names.config_key_problems("a_b.c-D") == []
    assert names.config_key_problems("..") == ["must not be '..'"]
    assert names.config_key_problems("..a") == ["must not start with '..'"]
    assert len(names.config_key_problems("a/b")) == 1


def test_a_generated_name_keeps_its_base_and_fits_a_label() -> None:
    name = names.generate_name("web-")
    assert name.startswith("web-")
    assert len(name) == 9
    assert len(names.generate_name("a" * 100)) == 63
    assert names.dns1123_label_problems(name) == []
    assert names.with_masked_dash("web-") == "wea"
