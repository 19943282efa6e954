"""Names: what upstream allows in each place, the messages when it is broken, and generated names.

Pure. Every ``*_problems`` function takes a text and gives upstream's messages, none if it is fine.
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ ; apimachinery util/validation.
"""

import re
import secrets
from typing import Final

DNS1123_LABEL_MAX: Final = 63
DNS1123_SUBDOMAIN_MAX: Final = 253

_LABEL: Final = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN: Final = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED: Final = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_RE: Final = re.compile(_LABEL)
_SUBDOMAIN_RE: Final = re.compile(_SUBDOMAIN)
_QUALIFIED_RE: Final = re.compile(_QUALIFIED)
_LABEL_VALUE_RE: Final = re.compile(f"({_QUALIFIED})?")
_CONFIG_KEY_RE: Final = re.compile(r"[-._a-zA-Z0-9]+")
_ENV_NAME_RE: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_PORT_NAME_RE: Final = re.compile("[a-z0-9-]+")

# Vowels and look-alikes are left out, so that no word and no mix-up comes out.
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH: Final = 5
_LABEL_MESSAGE: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end"
    " with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is"
    " '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_MESSAGE: Final = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start"
    " and end with an alphanumeric character (e.g. 'example.com', regex used for validation is"
    r" '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_NAME_PART_MESSAGE: Final = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric"
    " character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
    " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} characters"


def dns1123_label_problems(text: str) -> list[str]:
    """Return what keeps a text from being an RFC 1123 label (namespaces, container names)."""
    problems = [_too_long(DNS1123_LABEL_MAX)] if len(text) > DNS1123_LABEL_MAX else []
    if not _LABEL_RE.fullmatch(text):
        problems.append(_LABEL_MESSAGE)
    return problems


def dns1123_subdomain_problems(text: str) -> list[str]:
    """Return what keeps a text from being an RFC 1123 subdomain (names of most objects)."""
    problems = [_too_long(DNS1123_SUBDOMAIN_MAX)] if len(text) > DNS1123_SUBDOMAIN_MAX else []
    if not _SUBDOMAIN_RE.fullmatch(text):
        problems.append(_SUBDOMAIN_MESSAGE)
    return problems


def qualified_name_problems(text: str) -> list[str]:
    """Return what keeps a text from being a qualified name (keys of labels and annotations)."""
    prefix, slash, name = text.rpartition("/")
    problems: list[str] = []
    if text.count("/") > 1:
        return [
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with"
            " an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is"
            " '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/'"
            " (e.g. 'example.com/MyName')"
        ]
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems.extend(f"prefix part {problem}" for problem in dns1123_subdomain_problems(prefix))
    if not name:
        problems.append("name part must be non-empty")
    elif len(name) > DNS1123_LABEL_MAX:
        problems.append(f"name part {_too_long(DNS1123_LABEL_MAX)}")
    if not _QUALIFIED_RE.fullmatch(name):
        problems.append(_NAME_PART_MESSAGE)
    return problems


def label_value_problems(text: str) -> list[str]:
    """Return what keeps a text from being a label's value."""
    problems = [_too_long(DNS1123_LABEL_MAX)] if len(text) > DNS1123_LABEL_MAX else []
    if not _LABEL_VALUE_RE.fullmatch(text):
        problems.append(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must"
            " start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used"
            " for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
        )
    return problems


def path_segment_problems(text: str) -> list[str]:
    """Return what keeps a text from being one segment of a URL path (names of bindings and the like)."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{char}'" for char in ("/", "%") if char in text]


def config_key_problems(text: str) -> list[str]:
    """Return what keeps a text from being a key of a ConfigMap or Secret."""
    problems = [_too_long(DNS1123_SUBDOMAIN_MAX)] if len(text) > DNS1123_SUBDOMAIN_MAX else []
    if not _CONFIG_KEY_RE.fullmatch(text):
        problems.append(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or"
            " 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        )
    if text == ".":
        problems.append("must not be '.'")
    elif text == "..":
        problems.append("must not be '..'")
    elif text.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def env_name_problems(text: str) -> list[str]:
    """Return what keeps a text from being an environment variable's name (relaxed since 1.33: printable, no '=')."""
    if text and all(" " <= char <= "~" and char != "=" for char in text):
        return []
    return [
        "a valid environment variable name must consist only of printable ASCII characters other than '='"
        " (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is '[ -<>-~]+')"
    ]


def port_name_problems(text: str) -> list[str]:
    """Return what keeps a text from being an IANA service name (names of ports)."""
    problems: list[str] = []
    if len(text) > 15:
        problems.append(_too_long(15))
    if not _PORT_NAME_RE.fullmatch(text):
        problems.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not any(char.isascii() and char.islower() for char in text):
        problems.append("must contain at least one letter (a-z)")
    if "--" in text:
        problems.append("must not contain consecutive hyphens")
    if text[:1] == "-" or text[-1:] == "-":
        problems.append("must not begin or end with a hyphen")
    return problems


def generate_name(base: str) -> str:
    """Return ``base`` and five random characters; a long base is cut so that the name stays a label."""
    kept = base[: DNS1123_LABEL_MAX - _SUFFIX_LENGTH]
    return kept + "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX_LENGTH))
