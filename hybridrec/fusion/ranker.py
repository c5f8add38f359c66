"""The fusion ranker: a small network over signals, trained listwise, explained exactly.

It sees every signal twice where that helps: standardised over the user's candidates (its place
among them) and, for some, on the scale of all training pairs (its level). Several members are
trained side by side from different seeds and their scores averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hybridrec.arrays import BoolArray, FloatArray, IntArray
from hybridrec.config import RankerConfig
from hybridrec.errors import DataError
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.shapley import owen_values
from hybridrec.fusion.signals import Signal
from hybridrec.learning.schedules import warmup_cosine
from hybridrec.progress import track

NOTHING_TO_LEARN: Final = (
    "the ranker has nothing to learn from: after the towers' training moment nobody chose any "
    "candidate; give more events or a longer ranker.horizon_days"
)


class _Members(nn.Module):
    """Small networks side by side: a linear part and two hidden layers each."""

    def __init__(self, members: int, inputs: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()

        def drawn(rows: int, columns: int) -> nn.Parameter:
            values = torch.randn(members, rows, columns, generator=generator)
            return nn.Parameter(values * rows**-0.5)

        self.linear = nn.Parameter(torch.zeros(members, inputs, 1))
        self.first = drawn(inputs, hidden)
        self.first_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.second = drawn(hidden, hidden)
        self.second_bias = nn.Parameter(torch.zeros(members, 1, hidden))
        self.last = drawn(hidden, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Scores of every member, ``(n_members, n)``, from inputs ``(n, n_inputs)``."""
        hidden = torch.relu(inputs @ self.first + self.first_bias)
        hidden = torch.relu(hidden @ self.second + self.second_bias)
        return (hidden @ self.last + inputs @ self.linear).squeeze(2)


@dataclass(frozen=True)
class Standardised:
    """Signals as the ranker sees them.

    Args:
        inputs: ``(n_pairs, n_inputs)``.
        baseline: ``(n_users, n_inputs)`` each user's mean candidate.
        spread: ``(n_users, n_signals)`` standard deviation of each signal over the candidates.
    """

    inputs: FloatArray
    baseline: FloatArray
    spread: FloatArray


class Ranker:
    """Scores candidates from their signals.

    Args:
        signals: the declared signals, in the order of their columns.
        config: its settings.
        seed: draws the weights and batches.
    """

    def __init__(self, signals: tuple[Signal, ...], config: RankerConfig, seed: int = 0) -> None:
        self.signals = signals
        self.config = config
        self.seed = seed
        self.absolute = [column for column, signal in enumerate(signals) if signal.absolute]
        self.groups = list(dict.fromkeys(signal.group for signal in signals))
        of_signal = [self.groups.index(signal.group) for signal in signals]
        self._group_of_input = np.array(of_signal + [of_signal[c] for c in self.absolute])
        self._owen_values = owen_values([name.partition("/")[0] for name in self.groups])
        self._level = np.zeros((2, len(self.absolute)), dtype=np.float32)
        self._network = self._new_network()

    def _new_network(self) -> _Members:
        generator = torch.Generator().manual_seed(self.seed)
        inputs = len(self.signals) + len(self.absolute)
        return _Members(self.config.members, inputs, self.config.hidden, generator)

    def fit(self, pairs: Pairs, values: FloatArray, chosen: BoolArray) -> Self:
        """Learns to put what a user chose before the user's other candidates.

        The loss is the softmax cross-entropy over each user's candidates (ListNet, Cao et al.,
        ICML 2007), chosen items sharing the target equally.

        Args:
            pairs: the candidates.
            values: their signals, ``(n_pairs, n_signals)``.
            chosen: ``(n_pairs,)`` whether the user did choose the item.

        Raises:
            DataError: if nobody chose any candidate.
        """
        if not chosen.any():
            raise DataError(NOTHING_TO_LEARN)
        levels = values[:, self.absolute]
        self._level = np.stack([levels.mean(axis=0), levels.std(axis=0) + 1e-6])
        inputs = torch.from_numpy(self.standardise(pairs, values).inputs)
        positives = np.zeros(pairs.n_users)
        np.add.at(positives, pairs.users, chosen)
        learnable = np.flatnonzero(positives > 0)
        random = np.random.default_rng(self.seed)
        config = self.config
        self._network = self._new_network()
        batches = -(-learnable.size // config.batch_size)
        optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        schedule = warmup_cosine(optimizer, config.epochs * batches)
        for _ in track(range(config.epochs), "fusion ranker", config.epochs):
            for users in np.array_split(random.permutation(learnable), batches):
                loss = self._loss(inputs, pairs, chosen, users)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        return self

    def _loss(
        self,
        inputs: Tensor,
        pairs: Pairs,
        chosen: BoolArray,
        users: IntArray,
    ) -> Tensor:
        counts = pairs.counts[users]
        rows = np.repeat(np.arange(users.size), counts)
        at = np.repeat(pairs.indptr[users] - np.cumsum(counts) + counts, counts)
        at += np.arange(at.size)
        scores = self._network(inputs[torch.from_numpy(at)])

        place = np.arange(at.size) - np.searchsorted(rows, rows)
        padded = scores.new_full((scores.shape[0], users.size, int(place.max()) + 1), -torch.inf)
        row, column = torch.from_numpy(rows), torch.from_numpy(place)
        padded[:, row, column] = scores
        positive = torch.from_numpy(chosen[at])
        log_share = torch.log_softmax(padded, dim=2)[:, row[positive], column[positive]]
        positives = torch.bincount(row[positive], minlength=users.size)
        # a basket of nine tells more than a basket of one, though not nine times as much
        weight = positives.sqrt().clamp(max=3)
        share = (weight / positives / weight.sum())[row[positive]]
        loss: Tensor = -(log_share * share).sum() / scores.shape[0]
        return loss

    def standardise(self, pairs: Pairs, values: FloatArray) -> Standardised:
        """Signals over each user's candidates, and levels over all training pairs."""
        means = pairs.means(values)
        centred = values - means[pairs.users]
        spread = np.sqrt(pairs.means(centred**2))
        place = centred / np.maximum(spread, 1e-6)[pairs.users]
        level = (values[:, self.absolute] - self._level[0]) / np.maximum(self._level[1], 1e-6)
        level_means = (means[:, self.absolute] - self._level[0]) / np.maximum(self._level[1], 1e-6)
        return Standardised(
            np.concatenate([place, level], axis=1).astype(np.float32),
            np.concatenate([np.zeros_like(means), level_means], axis=1).astype(np.float32),
            spread,
        )

    def score(self, pairs: Pairs, values: FloatArray) -> FloatArray:
        """Scores of all pairs, ``(n_pairs,)``; higher is better, comparable within a user."""
        return self.score_inputs(self.standardise(pairs, values).inputs)

    def score_inputs(self, inputs: FloatArray) -> FloatArray:
        """Scores of signals that :meth:`standardise` gave, ``(n_pairs,)``."""
        with torch.inference_mode():
            scores: Tensor = self._network(torch.from_numpy(np.ascontiguousarray(inputs))).mean(0)
        return scores.numpy()

    def contributions(
        self, inputs: FloatArray, baseline: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """What every signal group gives to some scores: exact Owen values.

        A group that is left out takes the values of the user's mean candidate (Lundberg and Lee,
        NeurIPS 2017). The profiles of a scorer, ``text/long`` and ``text/short``, join as a union:
        together they give the scorer's Shapley value; see
        :func:`hybridrec.fusion.shapley.owen_values`.

        Args:
            inputs: ``(n, n_inputs)`` from :meth:`standardise`.
            baseline: ``(n, n_inputs)`` the mean candidate of each row's user.

        Returns:
            The base ``(n,)``, scores of the mean candidates, and contributions
            ``(n, n_groups)`` in the order of ``groups``; base and contributions sum to the score.
        """
        coalitions, weights = self._owen_values
        present = coalitions[:, self._group_of_input]
        mixed = np.where(present[None], inputs[:, None], baseline[:, None])
        flat = mixed.reshape(-1, inputs.shape[1]).astype(np.float64)
        with torch.inference_mode():
            network = self._new_network().double()
            network.load_state_dict(self._network.state_dict())
            scores = network(torch.from_numpy(flat)).mean(0).numpy()
        worth = scores.reshape(inputs.shape[0], coalitions.shape[0])
        return worth[:, 0], worth @ weights

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The weights as named arrays."""
        arrays = {name: value.numpy() for name, value in self._network.state_dict().items()}
        return {**arrays, "level": self._level}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`."""
        self._level = np.asarray(arrays["level"])
        named = {n: torch.from_numpy(np.array(v)) for n, v in arrays.items() if n != "level"}
        self._network.load_state_dict(named)
        return self
