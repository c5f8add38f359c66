"""The contrastive loss: of all texts, tell the one that belongs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from hybridrec.arrays import BoolArray, FloatArray, IntArray
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.corpus import Corpus
from hybridrec.towers.text.examples import Batch, Examples
from hybridrec.towers.text.projection import Projection, unit


@dataclass(frozen=True)
class Candidates:
    """What the targets of a step are told apart from.

    Args:
        texts: ``(n,)`` their numbers, sorted; all targets are among them.
        embeddings: ``(n, dim)`` the encoder's.
        offsets: ``(n,)`` added to their scores, for how they were chosen.
        negative: ``(n,)`` whether they are candidates for all, not for their own examples alone.
    """

    texts: IntArray
    embeddings: Tensor
    offsets: FloatArray
    negative: BoolArray


class Contrast:
    """Softmax of a target's score among candidates, from the mean of its context's embeddings.

    The score is the one that serves: the inner product of a weighted mean of what the context
    brings and a unit vector, around the mean of the texts. Two losses are added:

    - multiple negatives ranking (Henderson et al. 2017) for the encoder: a step encodes targets
      and the latest text of each context, and tells targets from all of these and, where asked
      for, from hard negatives. Scores are corrected for how often a text is drawn (Yi et al.,
      RecSys 2019), so that popular ones are not pushed away;
    - for the projection, the same among all texts of the catalogue, which are remembered from when
      they were encoded last (cross-batch memory, Wang et al., CVPR 2020). The encoder learns
      nothing from these: it would learn to tell what was encoded now from what was before.

    Earlier texts of contexts are remembered ones in both. What is known to belong with a context is
    no negative. A text that many items share is met more often than it scores, for its items share
    what it is met: the logarithm of their number is added to its score.

    Args:
        corpus: the texts.
        projection: behind the encoder.
        examples: where steps draw from.
        versions: ``(n_texts, n)`` what may be encoded for each text: itself or altered copies.
        reference: ``(n_texts, dim)`` unit vectors of a tower fitted before, or ``None``.
        config: settings.
        seed: of what is drawn.
        device: where it runs.
    """

    def __init__(
        self,
        corpus: Corpus,
        projection: Projection,
        examples: Examples,
        versions: IntArray,
        reference: FloatArray | None,
        config: TextConfig,
        seed: int,
        device: torch.device,
    ) -> None:
        self.corpus, self.projection, self.examples = corpus, projection, examples
        self.config, self.seed, self.device = config, seed, device
        self._versions = versions
        self._reference = reference
        self._met = np.flatnonzero(examples.met)
        self._log_drawn = np.log(np.maximum(examples.drawn, 1e-9)).astype(np.float32)
        self._log_items = np.log(np.maximum(examples.items, 1)).astype(np.float32)
        first = torch.from_numpy(corpus.embed_all(versions.shape[0]))
        self.remembered = first.to(device)
        """``(n_texts, dim)`` what the encoder last said of every text."""
        self.stale = torch.zeros((), dtype=torch.bool, device=device)
        """Whether the encoder has learnt since all were encoded; kept with what is remembered."""

    def refresh(self) -> FloatArray:
        """Encodes all texts, unless nothing was learnt since; gives what is remembered."""
        if self.stale:
            embeddings = torch.from_numpy(self.corpus.embed_all(self._versions.shape[0]))
            self.remembered.copy_(embeddings)
            self.stale.fill_(False)
        return np.asarray(self.remembered.cpu().numpy())

    def __call__(self, step: int) -> Tensor:
        """The loss of a step, which draws from its number alone."""
        if step and step % self.config.validate_every == 0:
            self.refresh()
        random = np.random.default_rng([self.seed, step])
        batch = self.examples.draw(self.config.batch_size, random)
        losses = []
        if self.config.tuning != "none" and step >= self.config.projection_steps:
            encoded = batch.first(self.config.encoded_examples)
            losses.append(self._loss(self._encoded(encoded, random), encoded))
        if self.config.projection:
            losses.append(self._loss(self._from_memory(batch, random), batch))
        return torch.stack(losses).sum()

    def _encoded(self, batch: Batch, random: np.random.Generator) -> Candidates:
        """Targets, the latest texts of contexts, and hard negatives, encoded anew."""
        texts = np.unique(np.concatenate([batch.targets, batch.contexts[:, 0]]))
        if self.config.hard_negatives:
            texts = np.union1d(texts, self._hard(batch, random))
        versions = random.integers(self._versions.shape[1], size=texts.size)
        read = self._versions[texts, versions]
        with torch.random.fork_rng(self._cuda_devices()):
            torch.manual_seed(int(random.integers(2**31)))  # for the dropout of adapters
            embeddings = self.corpus.embed(read)
        original = torch.from_numpy(texts[read == texts]).to(self.device)
        self.remembered[original] = embeddings.detach()[torch.from_numpy(read == texts)]
        self.stale.fill_(True)
        offsets = self._offsets(texts) - self._log_drawn[texts]
        return Candidates(texts, embeddings, offsets, np.ones(texts.size, dtype=bool))

    def _from_memory(self, batch: Batch, random: np.random.Generator) -> Candidates:
        """All texts that were met, or as many as the settings ask for, as last encoded."""
        texts, met, most = self._met, self._met.size, self.config.negatives
        negative = np.ones(met, dtype=bool)
        offsets = self._offsets(texts)
        if met > most:
            drawn = random.choice(self._met, most, replace=False)
            texts = np.union1d(drawn, batch.targets)
            negative = np.isin(texts, drawn)
            # those drawn stand for all
            offsets = self._offsets(texts) + (np.log(met / most) * negative).astype(np.float32)
        return Candidates(texts, self.remembered[self._tensor(texts)], offsets, negative)

    def _offsets(self, texts: IntArray) -> FloatArray:
        """Added to scores while learning: a text is met as often as all its items together."""
        return self._log_items[texts] + self.config.popularity_correction * self._log_drawn[texts]

    def _hard(self, batch: Batch, random: np.random.Generator) -> IntArray:
        """Texts near to a target in words, and far from it where the reference can tell."""
        among = random.permutation(self._met)[: self.config.negatives]
        with torch.no_grad():
            of_targets = self.projection(self.remembered[self._tensor(batch.targets)])
            near = of_targets @ self.projection(self.remembered[self._tensor(among)]).T
        nearness = near.cpu().numpy()
        if self._reference is not None:
            nearness -= self._reference[batch.targets] @ self._reference[among].T
        known = np.asarray(batch.known[:, among].toarray()) > 0
        nearness[known | (among == batch.targets[:, None])] = -np.inf
        hardest = np.unique(among[nearness.argmax(axis=1)])
        hardest = random.permutation(hardest)[: self.config.hard_negatives]
        return hardest.astype(np.int64)

    def _loss(self, candidates: Candidates, batch: Batch) -> Tensor:
        """Cross-entropy of the targets, the mean over nested widths where these are asked for."""
        centre = self.remembered[self._tensor(self._met)].mean(0)
        contexts, places = np.unique(batch.contexts, return_inverse=True)
        places = places.reshape(batch.contexts.shape)
        in_contexts = self.remembered[self._tensor(contexts)]
        if candidates.embeddings.requires_grad:
            _, here, there = np.intersect1d(contexts, candidates.texts, return_indices=True)
            fresh = candidates.embeddings[self._tensor(there)]
            in_contexts = in_contexts.index_copy(0, self._tensor(here), fresh)
        of_contexts = self.projection.mapped(in_contexts, centre)
        of_candidates = self.projection.mapped(candidates.embeddings, centre)
        targets = self._tensor(np.searchsorted(candidates.texts, batch.targets))
        allowed = self._tensor(self._allowed(candidates, batch))
        offsets = self._tensor(candidates.offsets)
        losses = []
        for width in dict.fromkeys((*self.config.matryoshka_dims, of_candidates.shape[1])):
            users = nn.functional.embedding_bag(
                self._tensor(places),
                self.projection.in_histories(unit(of_contexts[:, :width])),
                per_sample_weights=self._tensor(batch.weights),
                mode="sum",
            )
            scores = users @ unit(of_candidates[:, :width]).T / self.config.temperature + offsets
            scores = scores.masked_fill(~allowed, -torch.inf)
            losses.append(nn.functional.cross_entropy(scores, targets))
        return torch.stack(losses).mean()

    def _allowed(self, candidates: Candidates, batch: Batch) -> BoolArray:
        """Which candidates a target is told apart from, ``(n_examples, n)``, itself among them."""
        allowed = np.tile(candidates.negative, (batch.targets.size, 1))
        known = batch.known
        rows = np.repeat(np.arange(batch.targets.size), np.diff(known.indptr))
        _forbid(allowed, candidates.texts, rows, known.indices.astype(np.int64))
        counted, latest = np.nonzero(batch.weights)
        _forbid(allowed, candidates.texts, counted, batch.contexts[counted, latest])
        every = np.arange(batch.targets.size)
        allowed[every, np.searchsorted(candidates.texts, batch.targets)] = True
        return allowed

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(self.device)

    def _cuda_devices(self) -> Sequence[torch.device]:
        return [self.device] if self.device.type == "cuda" else []


def _forbid(allowed: BoolArray, candidates: IntArray, rows: IntArray, texts: IntArray) -> None:
    """Strikes out texts of some rows, where they are candidates."""
    places = np.minimum(np.searchsorted(candidates, texts), candidates.size - 1)
    found = candidates[places] == texts
    allowed[rows[found], places[found]] = False
