"""The shapes of names: what may be a label, a subdomain, a port name, an environment variable, a config key.

Takes text; gives a list of problems in Kubernetes' words (empty: none), which validation puts behind a field path.
Also makes names up for ``generateName``. Invariant: lengths count bytes of UTF-8, as Kubernetes counts them.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ , RFC 1035, RFC 1123
"""

import re
import secrets
from typing import Final

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character"
)
_SUBDOMAIN: Final = _LABEL + r"(\." + _LABEL + ")*"
_SUBDOMAIN_TEXT: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character"
)
_LABEL_1035: Final = "[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_1035_TEXT: Final = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character"
)
_KEY: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_KEY_TEXT: Final = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"
)
_VALUE: Final = f"({_KEY})?"
_VALUE_TEXT: Final = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character"
)
_CONFIG_KEY: Final = "[-._a-zA-Z0-9]+"
_CONFIG_KEY_TEXT: Final = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_KEY_EXAMPLES: Final = ("MyName", "my.name", "123-abc")
_RELAXED_ENV_TEXT: Final = (
    "a valid environment variable name must consist only of printable ASCII characters other than '='"
)
_SUFFIX_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"  # no vowels: no word by accident
_SUFFIX_LENGTH: Final = 5
_LONGEST_GENERATED: Final = 63


def generate_name(base: str) -> str:
    """Return ``base`` (cut to leave room) and five random characters."""
    suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(_SUFFIX_LENGTH))
    return base[: _LONGEST_GENERATED - _SUFFIX_LENGTH] + suffix


def length_problem(most: int) -> str:
    """Return the message for a text that is too long."""
    return f"must be no more than {most} characters"


def range_problem(least: int, most: int) -> str:
    """Return the message for a number outside a range."""
    return f"must be between {least} and {most}, inclusive"


def regex_problem(text: str, pattern: str, *examples: str) -> str:
    """Return the message for a text that does not match a pattern."""
    if not examples:
        return f"{text} (regex used for validation is '{pattern}')"
    quoted = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {quoted}regex used for validation is '{pattern}')"


def dns1123_label_problems(text: str) -> list[str]:
    """Return what keeps a text from being a DNS label: names of namespaces and containers."""
    problems = _too_long(text, 63)
    if not _matches(_LABEL, text):
        if _matches(_SUBDOMAIN, text):
            problems.append("must not contain dots")
        else:
            problems.append(regex_problem(_LABEL_TEXT, _LABEL, "my-name", "123-abc"))
    return problems


def dns1123_subdomain_problems(text: str) -> list[str]:
    """Return what keeps a text from being a DNS subdomain: names of most objects."""
    problems = _too_long(text, 253)
    if not _matches(_SUBDOMAIN, text):
        problems.append(regex_problem(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return problems


def dns1035_label_problems(text: str) -> list[str]:
    """Return what keeps a text from being an RFC 1035 label: names of services."""
    problems = _too_long(text, 63)
    if not _matches(_LABEL_1035, text):
        problems.append(regex_problem(_LABEL_1035_TEXT, _LABEL_1035, "my-name", "abc-123"))
    return problems


def qualified_name_problems(text: str) -> list[str]:
    """Return what keeps a text from being a label's key: ``[subdomain/]name``."""
    problems: list[str] = []
    parts = text.split("/")
    if len(parts) > 2:
        return [
            "a valid label key "
            + regex_problem(_KEY_TEXT, _KEY, *_KEY_EXAMPLES)
            + " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ]
    name = parts[-1]
    if len(parts) == 2:
        if not parts[0]:
            problems.append("prefix part must be non-empty")
        else:
            problems += [f"prefix part {problem}" for problem in dns1123_subdomain_problems(parts[0])]
    if not name:
        problems.append("name part must be non-empty")
    else:
        problems += [f"name part {problem}" for problem in _too_long(name, 63)]
    if not _matches(_KEY, name):
        problems.append("name part " + regex_problem(_KEY_TEXT, _KEY, *_KEY_EXAMPLES))
    return problems


def label_value_problems(text: str) -> list[str]:
    """Return what keeps a text from being a label's value."""
    problems = _too_long(text, 63)
    if not _matches(_VALUE, text):
        problems.append(regex_problem(_VALUE_TEXT, _VALUE, "MyValue", "my_value", "12345"))
    return problems


def port_number_problems(port: int) -> list[str]:
    """Return what keeps a number from being a port."""
    return [] if 1 <= port <= 65535 else [range_problem(1, 65535)]


def port_name_problems(text: str) -> list[str]:
    """Return what keeps a text from being an IANA service name."""
    problems = _too_long(text, 15)
    if not _matches("[-a-z0-9]+", text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if re.search("[a-z]", text) is None:
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        problems.append("must not begin or end with a hyphen")
    return problems


def env_name_problems(text: str) -> list[str]:
    """Return what keeps a text from being an environment variable's name: printable ASCII without ``=``."""
    problems = [] if text else ["environment variable name must be non-empty"]
    if any(not " " <= character <= "~" or character == "=" for character in text):
        problems.append(_RELAXED_ENV_TEXT)
    return problems


def config_key_problems(text: str) -> list[str]:
    """Return what keeps a text from being a key of a ConfigMap or Secret."""
    problems = _too_long(text, 253)
    if not _matches(_CONFIG_KEY, text):
        problems.append(regex_problem(_CONFIG_KEY_TEXT, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    if text in (".", ".."):
        problems.append(f"must not be '{text}'")
    elif text.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def path_segment_problems(text: str) -> list[str]:
    """Return what keeps a text from being one segment of a URL's path, which every name must be."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{character}'" for character in "/%" if character in text]


def with_masked_dash(name: str) -> str:
    """Return a ``generateName`` as it is checked: its last dash is not the end of the name that will be made."""
    return name[:-2] + "a" if len(name) > 1 and name.endswith("-") else name


def _too_long(text: str, most: int) -> list[str]:
    return [length_problem(most)] if len(text.encode("utf-8", "surrogatepass")) > most else []


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None
