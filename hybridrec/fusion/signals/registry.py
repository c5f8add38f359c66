"""Every signal there is: the library's families, and a shop's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from hybridrec.arrays import FloatArray
from hybridrec.errors import ConfigError, examples
from hybridrec.fusion.signals import (
    context,
    order,
    own,
    popularity,
    price,
    scored,
    shared,
    visits,
)
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal

FAMILIES: Final[tuple[Family, ...]] = (
    scored.FAMILY,
    order.FAMILY,
    shared.FAMILY,
    popularity.FAMILY,
    visits.FAMILY,
    price.FAMILY,
    own.FAMILY,
    context.FAMILY,
)

MOST_GROUPS: Final = 13
"""2^13 combinations are asked in some 50 ms."""


def declared_signals(
    scope: Scope, *, repeats: bool, extra: Iterable[Signal] = ()
) -> tuple[Signal, ...]:
    """The signals a model has, in the order of their columns.

    Args:
        scope: what the data and the settings allow.
        repeats: whether items that the user has met may be recommended again.
        extra: a shop's own.

    Raises:
        ConfigError: a signal of the shop's own cannot be computed, or has the name of another; or
            there are too many groups to take scores apart exactly.
    """
    signals = [signal for family in FAMILIES for signal in family.declare(scope, repeats)]
    groups = {signal.group for signal in signals}
    for signal in extra:
        if signal.compute is None:
            raise ConfigError(f"signal {signal.name!r}: a shop's own signal needs compute=")
        if any(signal.name == known.name for known in signals):
            raise ConfigError(f"signal {signal.name!r}: there is one of this name; choose another")
        if "/" in signal.group and signal.group not in groups:
            raise ConfigError(
                f"signal {signal.name!r}: its group {signal.group!r} has a slash, as a scorer's "
                f"profile has; use one of {examples(sorted(groups), 20)}, or a name without it"
            )
        signals.append(signal)
    unions = {signal.group.partition("/")[0] for signal in signals if signal.relative}
    if len(unions) > MOST_GROUPS:
        raise ConfigError(
            f"signals: {len(unions)} groups, of which every combination is asked to take a score "
            f"apart; at most {MOST_GROUPS} can be: let signals of the shop's own share a group"
        )
    return tuple(signals)


def compute_signals(signals: tuple[Signal, ...], asked: Asked) -> FloatArray:
    """The values of all signals, ``(n_pairs, n_signals)``.

    Args:
        signals: what to compute, in the order of the columns.
        asked: users, candidates and moment.

    Raises:
        ConfigError: a signal of the shop's own gave another number of values, or some that are no
            numbers.
    """
    columns: dict[str, FloatArray] = {}
    wanted = {signal.name for signal in signals}
    for family in FAMILIES:
        columns |= family.compute(asked, wanted)
    for signal in signals:
        if signal.compute is not None:
            columns[signal.name] = _own(signal, asked)
    values = np.empty((len(asked.pairs), len(signals)), dtype=np.float32)
    for place, signal in enumerate(signals):
        values[:, place] = columns[signal.name]
    return values


def _own(signal: Signal, asked: Asked) -> FloatArray:
    assert signal.compute is not None
    values = np.asarray(signal.compute(asked), dtype=np.float32)
    if values.shape != (len(asked.pairs),):
        raise ConfigError(
            f"signal {signal.name!r}: gave values of shape {values.shape}; "
            f"one for each of {len(asked.pairs)} pairs is needed"
        )
    if not np.isfinite(values).all():
        raise ConfigError(
            f"signal {signal.name!r}: gave values that are no finite numbers; "
            "say what stands for the unknown, such as np.nan_to_num(values)"
        )
    return values
