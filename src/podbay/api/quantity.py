"""Quantities of resources: exact decimal or binary numbers with a suffix, compared and added without rounding.

Pure. Takes strings or numbers of an object; gives values and the canonical form that upstream writes.
Invariant: ``str(Quantity.parse(str(q)))`` equals ``str(q)``.
Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import total_ordering
from typing import Final

_SYNTAX: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+|)")
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_NANO: Final = Fraction(1, 10**9)


class QuantityError(ValueError):
    """The text is not a quantity; the message is upstream's."""

    def __init__(self) -> None:
        super().__init__("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An exact amount and the family of suffixes it is written with: ``decimal``, ``binary`` or ``exponent``."""

    amount: Fraction
    family: str = "decimal"

    @classmethod
    def parse(cls, value: str | int | float) -> "Quantity":
        """Return the quantity of a text or a JSON number; QuantityError if it is none."""
        text = value if isinstance(value, str) else _number_text(value)
        match = _SYNTAX.fullmatch(text)
        if match is None:
            raise QuantityError
        number, suffix = Fraction(match[1]), match[2]
        if suffix in _BINARY:
            amount, family = number * 1024 ** _BINARY[suffix], "binary"
        elif suffix in _DECIMAL:
            amount, family = number * Fraction(10) ** _DECIMAL[suffix], "decimal"
        else:
            amount, family = number * Fraction(10) ** int(suffix[1:]), "exponent"
        # Finer than a nano unit is rounded up, away from zero, as upstream does.
        nanos = amount / _NANO
        if nanos.denominator != 1:
            whole = -(-abs(nanos.numerator) // nanos.denominator)
            amount = Fraction(whole if nanos > 0 else -whole) * _NANO
        return cls(amount, family)

    @property
    def value(self) -> int:
        """Return whole units, rounded up."""
        return -(-self.amount.numerator // self.amount.denominator)

    @property
    def milli(self) -> int:
        """Return thousandths, rounded up."""
        scaled = self.amount * 1000
        return -(-scaled.numerator // scaled.denominator)

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.amount + other.amount, self.family if self.amount else other.family)

    def __sub__(self, other: "Quantity") -> "Quantity":
        return Quantity(self.amount - other.amount, self.family if self.amount else other.family)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount == other.amount

    def __lt__(self, other: "Quantity") -> bool:
        return self.amount < other.amount

    def __hash__(self) -> int:
        return hash(self.amount)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        if not self.amount:
            return "0"
        if self.family == "binary" and self.amount.denominator == 1 and abs(self.amount) >= 1024:
            return _binary_text(self.amount.numerator)
        power, number = _decimal_parts(self.amount)
        if self.family == "exponent":
            return f"{number}e{power}" if power else str(number)
        suffix = next(name for name, exponent in _DECIMAL.items() if exponent == power)
        return f"{number}{suffix}"


def canonical(value: str | int | float) -> str:
    """Return a quantity in the form in which upstream stores it."""
    return str(Quantity.parse(value))


def _number_text(value: int | float) -> str:
    return str(value) if isinstance(value, int) else format(value, "f").rstrip("0").rstrip(".")


def _binary_text(number: int) -> str:
    power = 0
    while number % 1024 == 0 and power < 6:
        number //= 1024
        power += 1
    return f"{number}{['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'][power]}"


def _decimal_parts(amount: Fraction) -> tuple[int, int]:
    """Return the largest power of a thousand, from nano to exa, with which the number is whole."""
    for power in range(18, -10, -3):
        scaled = amount / Fraction(10) ** power
        if scaled.denominator == 1:
            return power, scaled.numerator
    raise AssertionError("finer than nano")
