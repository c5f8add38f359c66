"""Forms of the ranker: several members side by side, from inputs to scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from hybridrec.arrays import IntArray

Form: TypeAlias = Literal["network", "gated"]
CONTEXT = -1
"""The group of inputs that speak for none: context, which the others are weighed by."""


class Members(nn.Module, ABC):
    """Models side by side, from inputs ``(n, n_inputs)`` to scores ``(n_members, n)``."""

    @abstractmethod
    def of_coalitions(self, baseline: Tensor, steps: Tensor, coalitions: Tensor) -> Tensor:
        """Scores of inputs of which only some groups are those of the items.

        Args:
            baseline: ``(n, n_inputs)`` the inputs where no group is.
            steps: ``(n, n_groups, n_inputs)`` what each group changes of them.
            coalitions: ``(n_coalitions, n_groups)`` 1 for the groups that are there, else 0.

        Returns:
            ``(n_members, n_coalitions, n)``.
        """


def new_members(
    form: Form, members: int, hidden: int, group_of_input: IntArray, generator: torch.Generator
) -> Members:
    """Unfitted members of one form.

    Args:
        form: ``network`` or ``gated``.
        members: how many.
        hidden: width of their hidden layers.
        group_of_input: ``(n_inputs,)`` the signal group of each input, or :data:`CONTEXT`.
        generator: draws the weights.

    Returns:
        The module.
    """
    if form == "gated":
        return GatedSums(members, hidden, group_of_input, generator)
    return SmallNetworks(members, group_of_input.size, hidden, generator)


class SmallNetworks(Members):
    """Small networks side by side: a linear part and two hidden layers each."""

    def __init__(self, members: int, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.linear = nn.Parameter(torch.zeros(members, inputs, 1))
        self.first = _drawn(members, inputs, hidden, generator)
        self.first_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.second = _drawn(members, hidden, hidden, generator)
        self.second_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.last = _drawn(members, hidden, 1, generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores of every member, ``(n_members, n)``, from inputs ``(n, n_inputs)``."""
        return self._further(inputs @ self.first, inputs @ self.linear)

    def of_coalitions(self, baseline: Tensor, steps: Tensor, coalitions: Tensor) -> Tensor:
        """Scores of every coalition of groups; see :class:`Members`.

        What groups bring to the first layer adds up, so that it is worked out once for each.
        """
        weights = torch.cat([self.first, self.linear], 2)
        start, change = baseline @ weights, torch.einsum("ngd,mdh->mgnh", steps, weights)
        members, _, n, width = change.shape
        brought = (coalitions @ change.flatten(2)).reshape(members, len(coalitions), n, width)
        mixed = (brought + start[:, None]).flatten(1, 2)
        scores = self._further(mixed[..., :-1], mixed[..., -1:])
        return scores.reshape(members, len(coalitions), n)

    def _further(self, first: Tensor, linear: Tensor) -> Tensor:
        """From what the inputs give the first layer and the linear part to scores."""
        hidden = torch.relu(first + self.first_bias)
        hidden = torch.relu(hidden @ self.second + self.second_bias)
        return (hidden @ self.last + linear).squeeze(2)


class GatedSums(Members):
    """Sums over signal groups, each weighed by a gate that the context alone opens.

    ``score = Σ_g gate_g(context) · w_g · x_g``. Gates are above 0: a hidden layer over the
    context, then softplus. For one context the score is exactly additive over the groups, and
    linear in every signal.
    """

    context: Tensor
    group: Tensor

    def __init__(
        self, members: int, hidden: int, group_of_input: IntArray, generator: torch.Generator
    ) -> None:
        super().__init__()
        groups = int(group_of_input.max(initial=CONTEXT)) + 1
        of_input = torch.from_numpy(group_of_input)
        known = nn.functional.one_hot(of_input.clamp(min=0), max(groups, 1)).float()
        known[of_input == CONTEXT] = 0
        self.register_buffer("group", known, persistent=False)
        context = torch.nonzero(of_input == CONTEXT).squeeze(1)
        self.register_buffer("context", context, persistent=False)
        self.linear = nn.Parameter(torch.zeros(members, of_input.numel(), 1))
        self.first = _drawn(members, context.numel(), hidden, generator)
        self.first_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.gate = _drawn(members, hidden, known.shape[1], generator)
        self.gate_bias = nn.Parameter(torch.zeros(members, 1, known.shape[1]))

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores of every member, ``(n_members, n)``, from inputs ``(n, n_inputs)``."""
        return (self._gates(inputs) * (inputs @ (self.linear * self.group))).sum(2)

    def of_coalitions(self, baseline: Tensor, steps: Tensor, coalitions: Tensor) -> Tensor:
        """Scores of every coalition of groups; see :class:`Members`."""
        gates, weights = self._gates(baseline), self.linear * self.group
        start = (gates * (baseline @ weights)).sum(2)
        change = torch.einsum("mnk,ngd,mdk->mgn", gates, steps, weights)
        return start[:, None] + coalitions @ change

    def _gates(self, inputs: Tensor) -> Tensor:
        hidden = torch.relu(inputs[:, self.context] @ self.first + self.first_bias)
        return nn.functional.softplus(hidden @ self.gate + self.gate_bias)


def _drawn(members: int, rows: int, columns: int, generator: torch.Generator) -> nn.Parameter:
    values = torch.randn(members, rows, columns, generator=generator)
    return nn.Parameter(values * max(rows, 1) ** -0.5)
