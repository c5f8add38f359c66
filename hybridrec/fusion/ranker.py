"""The fusion ranker: a small model over signals, trained listwise, explained exactly.

It sees every signal twice where that helps: standardised over the user's candidates (its place
among them) and, for some, on the scale of all training pairs (its level). Several members are
trained side by side from different seeds and their scores averaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, HalfArray, IntArray
from hybridrec.config import RankerConfig
from hybridrec.errors import DataError
from hybridrec.fusion.calibration import Calibration
from hybridrec.fusion.examples import Examples
from hybridrec.fusion.networks import CONTEXT, Members, new_members
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.shapley import union_values
from hybridrec.fusion.signals.declaration import Signal
from hybridrec.learning.schedules import warmup_cosine
from hybridrec.learning.stopping import EarlyStopping
from hybridrec.progress import track

NOTHING_TO_LEARN: Final = (
    "the ranker has nothing to learn from: after the towers' training moment nobody chose any "
    "candidate; give more events or a longer ranker.horizon_days"
)
ROWS: Final = 2_048
"""Pairs scored at a time: what lies between the layers stays in the processor's cache."""
NO_SPREAD: Final = 1e-3
"""A level that deviates by less was one number in training, but for rounding."""
CALIBRATION: Final = "calibration."
"""Before the names of the calibration's arrays."""


@dataclass(frozen=True)
class Standardised:
    """Signals as the ranker sees them.

    Args:
        inputs: ``(n_pairs, n_inputs)`` the places of signals, then the levels of some.
        baseline: ``(n_users, n_inputs)`` each user's mean candidate.
        spread: ``(n_users, n_placed)`` standard deviation of each signal over the candidates.
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
        self.placed = [column for column, signal in enumerate(signals) if signal.relative]
        self.levelled = [column for column, signal in enumerate(signals) if signal.absolute]
        self.groups = list(dict.fromkeys(signals[column].group for column in self.placed))
        self._union_of_group = [group.partition("/")[0] for group in self.groups]
        self.unions = list(dict.fromkeys(self._union_of_group))
        of_input = [signals[column].group for column in self.placed + self.levelled]
        # context is of no group: it is the same for the mean candidate
        self._group_of_input = np.array(
            [self.groups.index(group) if group in self.groups else CONTEXT for group in of_input]
        )
        self._level = np.stack([np.zeros(len(self.levelled)), np.ones(len(self.levelled))])
        self._network = self._new_network()
        self.calibration: Calibration | None = None

    @cached_property
    def _coalitions(self) -> tuple[BoolArray, DoubleArray, DoubleArray]:
        return union_values(self._union_of_group)

    def _new_network(self) -> Members:
        generator = torch.Generator().manual_seed(self.seed)
        config = self.config
        return new_members(
            config.form, config.members, config.hidden, self._group_of_input, generator
        )

    def fit(self, examples: Examples, held_out: Examples | None = None) -> Self:
        """Learns to put what a user chose before the user's other candidates.

        The loss is the softmax cross-entropy over each user's candidates (ListNet, Cao et al.,
        ICML 2007), chosen items sharing the target equally. Of all passes over the examples, the
        one is kept after which those held out were ranked best.

        Args:
            examples: what to learn from.
            held_out: what other users chose, to stop early by ndcg@10; ``None`` for all passes.

        Raises:
            DataError: if nobody chose any candidate.
        """
        examples = examples.learnable()
        if not examples.chosen.any():
            raise DataError(NOTHING_TO_LEARN)
        levels = examples.inputs.T[len(self.placed) :]
        mean = [level.mean(dtype=np.float64) for level in levels]
        spread = np.array([level.std(dtype=np.float64) for level in levels])
        spread[spread < NO_SPREAD] = 1.0  # nothing is learnt of a constant: a new value is no alarm
        self._level = np.array([mean, spread], dtype=np.float32)
        random = np.random.default_rng(self.seed)
        config = self.config
        self._network = self._new_network()
        batches = -(-examples.pairs.n_users // config.batch_size)
        optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        schedule = warmup_cosine(optimizer, config.epochs * batches)
        stopping, best = EarlyStopping(config.patience), self._network.state_dict()
        for epoch in track(range(config.epochs), "fusion ranker", config.epochs):
            for users in np.array_split(random.permutation(examples.pairs.n_users), batches):
                loss = self._loss(examples, users)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
            if held_out is None or stopping.better(epoch, self.ndcg(held_out)):
                best = {name: v.clone() for name, v in self._network.state_dict().items()}
            if stopping.exhausted:
                break
        self._network.load_state_dict(best)
        self.calibration = None
        return self

    def calibrate(self, held_out: Examples) -> Self:
        """Learns how likely users are to choose what has some score.

        Args:
            held_out: all candidates of users not learnt from, those who chose nothing included.
        """
        scores = self.score_inputs(held_out.inputs)
        context = self.context(held_out.inputs)
        self.calibration = Calibration.fit(held_out.pairs, scores, context, held_out.chosen)
        return self

    def probabilities(
        self, pairs: Pairs, scores: FloatArray, inputs: FloatArray
    ) -> DoubleArray | None:
        """How likely users are to choose each candidate, ``(n_pairs,)``.

        Args:
            pairs: all candidates of some users.
            scores: their scores.
            inputs: ``(n_pairs, n_inputs)`` from :meth:`standardise`.

        Returns:
            ``None`` where the ranker is not calibrated: too few users were held out.
        """
        if self.calibration is None:
            return None
        return self.calibration.probabilities(pairs, scores, self.context(inputs))

    def context(self, inputs: FloatArray | HalfArray) -> FloatArray:
        """What is the same for all candidates of a user, ``(n_pairs, n_context)``."""
        columns = np.flatnonzero(self._group_of_input == CONTEXT)
        mean, spread = self._level[:, columns - len(self.placed)]
        return np.asarray((inputs[:, columns] - mean) / spread, dtype=np.float32)

    def ndcg(self, examples: Examples, k: int = 10) -> float:
        """The mean NDCG at ``k`` of the users, among their candidates."""
        return examples.ndcg(self.score_inputs(examples.inputs), k)

    def _loss(self, examples: Examples, users: IntArray) -> Tensor:
        pairs = examples.pairs
        counts = pairs.counts[users]
        rows = np.repeat(np.arange(users.size), counts)
        at = np.repeat(pairs.indptr[users] - np.cumsum(counts) + counts, counts)
        at += np.arange(at.size)
        scores = self._network(torch.from_numpy(self._scaled(examples.inputs[at])))

        place = np.arange(at.size) - np.searchsorted(rows, rows)
        padded = scores.new_full((scores.shape[0], users.size, int(place.max()) + 1), -torch.inf)
        row, column = torch.from_numpy(rows), torch.from_numpy(place)
        positive = torch.from_numpy(examples.chosen[at])
        stands_for = torch.from_numpy(examples.stands_for[users])[row]
        padded[:, row, column] = scores + torch.where(positive, 0.0, stands_for.log())
        log_share = torch.log_softmax(padded, dim=2)[:, row[positive], column[positive]]
        positives = torch.bincount(row[positive], minlength=users.size)
        # a basket of nine tells more than a basket of one, though not nine times as much
        weight = positives.sqrt().clamp(max=3)
        share = (weight / positives / weight.sum())[row[positive]]
        loss: Tensor = -(log_share * share).sum() / scores.shape[0]
        return loss

    def examples(self, pairs: Pairs, values: FloatArray, chosen: BoolArray) -> Examples:
        """Candidates as this ranker sees them.

        Args:
            pairs: the candidates.
            values: their signals, ``(n_pairs, n_signals)``.
            chosen: ``(n_pairs,)`` whether the user did choose the item.
        """
        return Examples.of(pairs, self.standardise(pairs, values).inputs, chosen)

    def standardise(self, pairs: Pairs, values: FloatArray) -> Standardised:
        """Places of signals among each user's candidates, and levels as they are."""
        placed = values[:, self.placed]
        means = pairs.means(values)
        placed -= means[pairs.users][:, self.placed]
        spread = np.sqrt(pairs.means(placed**2))
        placed /= np.maximum(spread, 1e-6)[pairs.users]
        return Standardised(
            np.concatenate([placed, values[:, self.levelled]], axis=1),
            np.concatenate([np.zeros_like(spread), means[:, self.levelled]], axis=1),
            spread,
        )

    def _scaled(self, inputs: FloatArray | HalfArray) -> FloatArray:
        """Inputs with levels on the scale of the training pairs."""
        scaled = inputs.astype(np.float32)
        levels = scaled[:, len(self.placed) :]
        levels -= self._level[0]
        levels /= self._level[1]
        return scaled

    def score(self, pairs: Pairs, values: FloatArray) -> FloatArray:
        """Scores of all pairs, ``(n_pairs,)``; higher is better, comparable within a user."""
        return self.score_inputs(self.standardise(pairs, values).inputs)

    def spread(self, inputs: FloatArray, baseline: FloatArray) -> FloatArray:
        """How far members differ on what sets items above the mean candidate, ``(n,)``.

        Args:
            inputs: ``(n, n_inputs)`` from :meth:`standardise`.
            baseline: ``(n, n_inputs)`` the mean candidate of each row's user.

        Returns:
            The standard deviation over the members, in units of the score.
        """
        with torch.inference_mode():
            both = (self._network(torch.from_numpy(self._scaled(x))) for x in (inputs, baseline))
            item, mean = both
            return np.asarray((item - mean).std(0, correction=0).numpy())

    def score_inputs(self, inputs: FloatArray | HalfArray) -> FloatArray:
        """Scores of signals that :meth:`standardise` gave, ``(n_pairs,)``."""
        scores = np.empty(len(inputs), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(inputs), ROWS):
                rows = torch.from_numpy(self._scaled(inputs[start : start + ROWS]))
                scores[start : start + ROWS] = self._network(rows).mean(0).numpy()
        return scores

    def contributions(
        self, inputs: FloatArray, baseline: FloatArray
    ) -> tuple[DoubleArray, DoubleArray, DoubleArray]:
        """What signals give to some scores: exact Shapley values.

        What is left out takes the values of the user's mean candidate (Lundberg and Lee,
        NeurIPS 2017). The profiles of a scorer, ``text/long`` and ``text/short``, join as one; what
        each brings itself is told beside it; see :func:`hybridrec.fusion.shapley.union_values`.

        Args:
            inputs: ``(n, n_inputs)`` from :meth:`standardise`.
            baseline: ``(n, n_inputs)`` the mean candidate of each row's user.

        Returns:
            The base ``(n,)``, scores of the mean candidates; contributions ``(n, n_unions)`` in the
            order of ``unions``, base and contributions sum to the score; and what each group
            brings itself, ``(n, n_groups)`` in the order of ``groups``.
        """
        coalitions, of_unions, of_groups = self._coalitions
        inputs, baseline = self._scaled(inputs), self._scaled(baseline)
        own = self._group_of_input == np.arange(len(self.groups))[:, None]
        steps = (inputs - baseline)[:, None] * own
        without = np.where(self._group_of_input == CONTEXT, inputs, baseline)
        with torch.inference_mode():
            scores = self._network.of_coalitions(
                torch.from_numpy(without),
                torch.from_numpy(steps),
                torch.from_numpy(coalitions.astype(np.float32)),
            )
            worth = scores.mean(0, dtype=torch.float64).T.numpy()
        return worth[:, 0], worth @ of_unions, worth @ of_groups

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """The weights, and the calibration where there is one, as named arrays."""
        arrays = {name: value.numpy() for name, value in self._network.state_dict().items()}
        known = {} if self.calibration is None else self.calibration.state()
        calibration = {f"{CALIBRATION}{name}": value for name, value in known.items()}
        return {**arrays, **calibration, "level": self._level.astype(np.float32)}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`."""
        self._level = np.asarray(arrays["level"])
        known = {
            name.removeprefix(CALIBRATION): value
            for name, value in arrays.items()
            if name.startswith(CALIBRATION)
        }
        self.calibration = Calibration.restored(known) if known else None
        named = {name: torch.from_numpy(np.array(value)) for name, value in arrays.items()}
        self._network.load_state_dict({name: named[name] for name in self._network.state_dict()})
        return self
