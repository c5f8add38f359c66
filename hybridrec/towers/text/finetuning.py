"""Fine-tuning: what is optimised, how long, and what it takes of memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.data.histories import Histories
from hybridrec.learning.loop import Validation, learn
from hybridrec.learning.memory import require_memory
from hybridrec.learning.session import FitSession
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.contrast import Contrast
from hybridrec.towers.text.corpus import Corpus
from hybridrec.towers.text.encoder import TextEncoder
from hybridrec.towers.text.examples import BLANK, Examples, HistoryExamples, PairExamples
from hybridrec.towers.text.projection import Projection

WARMUP: Final = 0.1
"""The share of the steps in which learning rates rise."""
ACTIVATION_BYTES: Final = 80
"""What one number of a hidden state takes in one trained layer while gradients are kept, all that
the layer computes from it included; measured on MiniLM."""
SCORE_BYTES: Final = 20
"""What one score of a step takes, with its masks and gradients."""


def drawn_from(
    histories: Histories, text_of_item: IntArray, n_texts: int, config: TextConfig
) -> Examples:
    """What the objective of the settings learns from."""
    if config.objective == "pairs":
        return PairExamples(
            histories, text_of_item, n_texts, config.pair_window, config.pair_min_count
        )
    return HistoryExamples(
        histories, text_of_item, n_texts, config.history_length, config.history_decay
    )


def text_means(embeddings: FloatArray | None, text_of_item: IntArray) -> FloatArray | None:
    """Unit vectors of texts, each along the mean of its items' embeddings ``(n_texts, dim)``."""
    if embeddings is None:
        return None
    said = text_of_item != BLANK
    sums = np.zeros((int(text_of_item.max()) + 1, embeddings.shape[1]), dtype=np.float32)
    np.add.at(sums, text_of_item[said], embeddings[: text_of_item.size][said])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.asarray(sums / np.maximum(norms, 1e-9), dtype=np.float32)


def _rising_then_falling(start: int, end: int) -> Callable[[int], float]:
    """A factor that rises linearly from a step on, then falls along a cosine to 0 at the end."""
    rise = max(1.0, WARMUP * (end - start))

    def factor(step: int) -> float:
        done = step - start + 1
        if done <= rise:
            return max(done, 0) / rise
        share = min(1.0, (done - rise) / max(end - start - rise, 1.0))
        return 0.5 * (1 + math.cos(math.pi * share))

    return factor


class FineTuning:
    """One fine-tuning of an encoder and its projection.

    Args:
        encoder: changed in place.
        projection: changed in place.
        corpus: the distinct texts, then their altered copies.
        contrast: the loss.
        config: settings.
    """

    def __init__(
        self,
        encoder: TextEncoder,
        projection: Projection,
        corpus: Corpus,
        contrast: Contrast,
        config: TextConfig,
    ) -> None:
        self.encoder, self.projection = encoder, projection
        self.corpus, self.contrast, self.config = corpus, contrast, config

    def run(
        self,
        steps: int,
        session: FitSession,
        measure: Callable[[FloatArray], float] | None,
        metric: str,
    ) -> int:
        """Takes gradient steps; leaves the parameters where the measure was best.

        Args:
            steps: how many at most.
            session: of the fit.
            measure: the metric, given the encoder's embeddings of all distinct texts; ``None``
                for no early stopping.
            metric: its name.

        Returns:
            The steps after which the parameters are as they are left.

        Raises:
            NotEnoughMemoryError: a step would take more than there is.
            DivergedError: the loss is no longer a number.
        """
        require_memory(
            self.step_bytes,
            self.encoder.device,
            "a step of the text tower's fine-tuning",
            f"lower towers.text.encoded_examples ({self.config.encoded_examples}) or batch_size, "
            "or raise frozen_layers",
        )
        groups = self._groups()
        optimizer = torch.optim.AdamW(groups, weight_decay=self.config.weight_decay)
        validation = None
        if measure is not None:
            given = measure

            def validate() -> float:
                return given(self.contrast.refresh())

            validation = Validation(
                validate, self.config.validate_every, self.config.patience, metric
            )
        return learn(
            self.contrast,
            self.parameters()
            | {"remembered": self.contrast.remembered, "stale": self.contrast.stale},
            optimizer,
            self._schedule(optimizer, steps),
            steps,
            session,
            validation,
        )

    @property
    def step_bytes(self) -> float:
        """What one step takes, about."""
        config, lengths = self.config, self.corpus.lengths
        texts = 2 * config.encoded_examples + config.hard_negatives
        tokens = texts * float(lengths.mean())
        layers = self.encoder.trained_layers
        activations = tokens * self.encoder.dim * layers * ACTIVATION_BYTES
        scores = config.batch_size * min(config.negatives, lengths.size) * SCORE_BYTES
        learnt = sum(value.numel() for value in self.parameters().values())
        # gradients, two moments, the best state, and a copy for the checkpoint
        return activations + scores + learnt * 4 * 5 + self.contrast.remembered.nbytes * 2

    def parameters(self) -> dict[str, Tensor]:
        """All that is learnt, by name."""
        encoder = {f"encoder.{k}": v for k, v in self.encoder.trained_parameters().items()}
        projection = self.projection.named_parameters()
        return encoder | {f"projection.{k}": v for k, v in projection if v.requires_grad}

    def _schedule(self, optimizer: torch.optim.Optimizer, steps: int) -> LambdaLR:
        """Rates that rise and fall over the steps that learn: the encoder's over the last ones."""
        layers = bool(self.encoder.trained_parameters())
        starts = [self.config.projection_steps] if layers else []
        starts += [0] * (len(optimizer.param_groups) - len(starts))
        return LambdaLR(optimizer, [_rising_then_falling(start, steps) for start in starts])

    def _groups(self) -> list[dict[str, Any]]:
        adapted = self.config.tuning == "lora"
        layers = list(self.encoder.trained_parameters().values())
        maps = [value for value in self.projection.parameters() if value.requires_grad]
        rate = self.config.adapter_learning_rate
        groups = [(layers, rate if adapted else self.config.learning_rate), (maps, rate)]
        return [{"params": values, "lr": lr} for values, lr in groups if values]
