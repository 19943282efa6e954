"""Resource quantities: exact arithmetic on ``500m``, ``1.5Gi`` and ``12e6``, and their one canonical spelling.

Takes text or numbers from objects; gives comparable values to defaults, validation, the scheduler and the kubelet.
Invariant: a quantity is a whole number of nano units, so no sum or comparison ever rounds; two spellings of one
amount are equal, and ``str`` of either is what Kubernetes would write back.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import enum
import re
from collections.abc import Mapping
from functools import total_ordering
from typing import Final, Self

FORMAT_WRONG: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_NUMERIC: Final = "unable to parse numeric part of quantity"
_SUFFIX: Final = "unable to parse quantity's suffix"
_SPLIT: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT: Final = re.compile(r"[eE][-+]?[0-9]+", re.ASCII)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL_SUFFIX: Final = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY_SUFFIX: Final = {exponent // 10: suffix for suffix, exponent in _BINARY.items()} | {0: ""}
_NANO: Final = 10**9
_MOST: Final = (2**63 - 1) * _NANO
_LONGEST_EXPONENT: Final = 400  # 10**400 is beyond any use; more would only burn memory


class Format(enum.Enum):
    """The family of suffixes that a quantity was written with, and is written back with."""

    DECIMAL_EXPONENT = "DecimalExponent"
    BINARY_SI = "BinarySI"
    DECIMAL_SI = "DecimalSI"


@total_ordering
class Quantity:
    """An amount of a resource. Immutable; hashed and compared by amount alone."""

    __slots__ = ("_format", "_nanos")

    def __init__(self, nanos: int, form: Format = Format.DECIMAL_SI) -> None:
        self._nanos = nanos
        self._format = form

    @classmethod
    def parse(cls, value: "str | int | float") -> Self:
        """Return the quantity of a JSON string or number. Raises ValueError with upstream's message."""
        if isinstance(value, bool):
            raise ValueError(FORMAT_WRONG)
        text = value.strip() if isinstance(value, str) else repr(value)
        match = _SPLIT.fullmatch(text)
        if match is None or not text:
            raise ValueError(FORMAT_WRONG)
        sign, whole, fraction, suffix = match.groups()
        digits = (whole or "") + (fraction or "")
        if not digits:
            raise ValueError(_NUMERIC if text[-1:] == "." else FORMAT_WRONG)
        base, exponent, form = _scale(suffix)
        # Amounts finer than a nano unit round away from zero: who asks for a little gets at least a little.
        numerator, denominator = int(digits) * _NANO, 10 ** len(fraction or "")
        if base == 2:
            numerator <<= exponent
        elif exponent >= 0:
            numerator *= 10**exponent
        else:
            denominator *= 10**-exponent
        nanos = -(-numerator // denominator)
        if form is Format.BINARY_SI:
            nanos = min(nanos, _MOST)
            if 0 < nanos < _NANO:
                form = Format.DECIMAL_SI
        return cls(-nanos if sign == "-" else nanos, form)

    @classmethod
    def of(cls, value: int, form: Format = Format.DECIMAL_SI) -> Self:
        """Return a whole amount."""
        return cls(value * _NANO, form)

    @classmethod
    def of_milli(cls, value: int) -> Self:
        """Return an amount given in thousandths."""
        return cls(value * (_NANO // 1000))

    @property
    def format(self) -> Format:
        """Return the family of suffixes that ``str`` uses."""
        return self._format

    @property
    def value(self) -> int:
        """Return the amount in whole units, rounded away from zero."""
        return _away_from_zero(self._nanos, _NANO)

    @property
    def milli(self) -> int:
        """Return the amount in thousandths, rounded away from zero."""
        return _away_from_zero(self._nanos, _NANO // 1000)

    @property
    def is_whole(self) -> bool:
        """Tell whether the amount has no fraction."""
        return self._nanos % _NANO == 0

    def rounded_up_to_milli(self) -> "Quantity":
        """Return the amount rounded to thousandths, as the API stores resources."""
        return Quantity(self.milli * (_NANO // 1000), self._format)

    def __bool__(self) -> bool:
        """Tell whether there is any amount."""
        return self._nanos != 0

    def __add__(self, other: "Quantity") -> "Quantity":
        form = other._format if not self else self._format
        return Quantity(self._nanos + other._nanos, form)

    def __sub__(self, other: "Quantity") -> "Quantity":
        form = other._format if not self else self._format
        return Quantity(self._nanos - other._nanos, form)

    def __neg__(self) -> "Quantity":
        return Quantity(-self._nanos, self._format)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self._nanos == other._nanos

    def __lt__(self, other: "Quantity") -> bool:
        return self._nanos < other._nanos

    def __hash__(self) -> int:
        return hash(self._nanos)

    def __repr__(self) -> str:
        return f"Quantity({str(self)!r})"

    def __str__(self) -> str:
        if self._nanos == 0:
            return "0"
        if self._format is Format.BINARY_SI and abs(self._nanos) >= 1024 * _NANO and self.is_whole:
            number, power = _reduced(self._nanos // _NANO, 1024, 6)
            return f"{number}{_BINARY_SUFFIX[power]}"
        if self._format is Format.DECIMAL_EXPONENT:
            number, power = _reduced(self._nanos, 1000, None)
            exponent = power * 3 - 9
            return f"{number}e{exponent}" if exponent else str(number)
        number, power = _reduced(self._nanos, 1000, 9)
        return f"{number}{_DECIMAL_SUFFIX[power * 3 - 9]}"


def parse_all(amounts: "Mapping[str, str | int | float] | None") -> dict[str, Quantity]:
    """Return the amounts of a list of resources. Raises ValueError."""
    return {name: Quantity.parse(amount) for name, amount in (amounts or {}).items()}


def canonical(value: str | int | float) -> str:
    """Return the canonical spelling of a quantity. Raises ValueError."""
    return str(Quantity.parse(value))


def _scale(suffix: str) -> tuple[int, int, Format]:
    if suffix in _DECIMAL:
        return 10, _DECIMAL[suffix], Format.DECIMAL_SI
    if suffix in _BINARY:
        return 2, _BINARY[suffix], Format.BINARY_SI
    if _EXPONENT.fullmatch(suffix) and abs(int(suffix[1:])) <= _LONGEST_EXPONENT:
        return 10, int(suffix[1:]), Format.DECIMAL_EXPONENT
    raise ValueError(_SUFFIX)


def _reduced(number: int, base: int, most: int | None) -> tuple[int, int]:
    """Return (number without its factors of base, how many were taken out)."""
    power = 0
    while number % base == 0 and (most is None or power < most):
        number //= base
        power += 1
    return number, power


def _away_from_zero(number: int, unit: int) -> int:
    return -(-number // unit) if number >= 0 else number // unit
