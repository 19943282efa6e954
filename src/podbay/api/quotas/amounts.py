"""Arithmetic on lists of resources, as quotas need it.

Pure. Takes and gives amounts by the names of resources. Invariant: nothing here changes what it is given.
Source: upstream's apiserver/pkg/quota/v1 (resources.go).
"""

from collections.abc import Iterable, Mapping

from podbay.api.quantity import Quantity

Amounts = Mapping[str, Quantity]


def plus(first: Amounts, second: Amounts) -> dict[str, Quantity]:
    """Return the sums; what only one list names is as it says."""
    return {**first, **{name: first[name] + more if name in first else more for name, more in second.items()}}


def increase(new: Amounts, old: Amounts) -> dict[str, Quantity]:
    """Return by how much each amount grew: nothing for what shrank or went."""
    grown = {name: amount - old[name] if name in old else amount for name, amount in new.items()}
    return {name: amount if amount > Quantity(0) else Quantity(0) for name, amount in grown.items()}


def of_names(amounts: Amounts, names: Iterable[str]) -> dict[str, Quantity]:
    """Return only the amounts with these names."""
    wanted = set(names)
    return {name: amount for name, amount in amounts.items() if name in wanted}


def without_zeros(amounts: Amounts) -> dict[str, Quantity]:
    """Return only the amounts that are something."""
    return {name: amount for name, amount in amounts.items() if amount}


def exceeded(amounts: Amounts, most: Amounts) -> list[str]:
    """Return the names of the amounts that are more than they may be."""
    return [name for name, bound in most.items() if name in amounts and amounts[name] > bound]


def shown(amounts: Amounts) -> str:
    """Return amounts as upstream's errors show them: ``cpu=1,pods=2``."""
    return ",".join(f"{name}={amount}" for name, amount in sorted(amounts.items()))


def written(amounts: Amounts) -> dict[str, str]:
    """Return amounts as objects have them."""
    return {name: str(amount) for name, amount in sorted(amounts.items())}
