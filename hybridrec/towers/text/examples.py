"""What fine-tuning learns from: a few texts that a user met, and one that belongs with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.data.histories import Histories

BLANK = -1
"""The number of a text that says nothing."""


@dataclass(frozen=True)
class Batch:
    """Examples of one gradient step.

    Args:
        contexts: ``(n, length)`` text numbers, the latest first; any number where the weight is 0.
        weights: ``(n, length)`` what each counts; a row sums to 1.
        targets: ``(n,)`` the text that belongs with each context.
        known: sparse ``(n, n_texts)``, stored where a text is known to belong with the context as
            well: no negative.
    """

    contexts: IntArray
    weights: FloatArray
    targets: IntArray
    known: csr_array

    def first(self, n: int) -> Batch:
        """The first examples, at most ``n``."""
        return Batch(
            self.contexts[:n], self.weights[:n], self.targets[:n], csr_array(self.known[:n])
        )


class Examples(Protocol):
    """Where examples are drawn from."""

    met: BoolArray
    """``(n_texts,)`` texts that occur in them; others are nobody's negatives."""
    drawn: DoubleArray
    """``(n_texts,)`` how often each text is the target; sums to 1."""
    items: IntArray
    """``(n_texts,)`` how many items have each text."""
    size: int
    """How many different ones there are."""

    def draw(self, n: int, random: np.random.Generator) -> Batch:
        """Draws examples, with replacement."""
        ...


class HistoryExamples:
    """From the latest texts of a user's history, the next one that the user meets the first time.

    Args:
        histories: who met what.
        text_of_item: ``(n_items,)`` the text of each item; −1 for none.
        n_texts: how many there are.
        length: latest events of a history that are looked at.
        decay: what an event counts compared with the one after it.
    """

    def __init__(
        self,
        histories: Histories,
        text_of_item: IntArray,
        n_texts: int,
        length: int,
        decay: float,
    ) -> None:
        texts, users = text_of_item[histories.items], histories.users
        said = texts != BLANK
        self._texts, self._users = texts[said], users[said]
        counts = np.bincount(self._users, minlength=histories.n_users)
        self._starts = np.cumsum(counts) - counts
        self._shares = (decay ** np.arange(length)).astype(np.float32)
        self.met = np.bincount(self._texts, minlength=n_texts) > 0
        places = (np.ones(self._texts.size, dtype=bool), (self._users, self._texts))
        self._met_by = csr_array(places, shape=(histories.n_users, n_texts))
        pairs = self._users * n_texts + self._texts
        firsts = np.sort(np.unique(pairs, return_index=True)[1])
        self._events = firsts[firsts > self._starts[self._users[firsts]]]
        self.size = int(self._events.size)
        counts = np.bincount(self._texts[self._events], minlength=n_texts)
        self.drawn = counts / max(self.size, 1)
        self.items = np.bincount(text_of_item[text_of_item != BLANK], minlength=n_texts)

    def draw(self, n: int, random: np.random.Generator) -> Batch:
        """Draws examples, with replacement."""
        events = self._events[random.integers(self.size, size=n)]
        users = self._users[events]
        earlier = events[:, None] - 1 - np.arange(self._shares.size)
        reached = earlier >= self._starts[users][:, None]
        weights = self._shares * reached
        weights /= weights.sum(axis=1, keepdims=True)
        contexts = self._texts[np.maximum(earlier, 0)]
        return Batch(contexts, weights, self._texts[events], csr_array(self._met_by[users]))


class PairExamples:
    """From one text, another that users met close to it.

    A pair is drawn in proportion to the cosine of its counts, ``n_ab / √(n_a n_b)``: what belongs
    together, rather than what is merely popular.

    Args:
        histories: who met what.
        text_of_item: ``(n_items,)`` the text of each item; −1 for none.
        n_texts: how many there are.
        window: most events between the two.
        min_count: how often users must have met them so.
    """

    def __init__(
        self,
        histories: Histories,
        text_of_item: IntArray,
        n_texts: int,
        window: int,
        min_count: int,
    ) -> None:
        self.pairs, self.chances = paired_texts(histories, text_of_item, n_texts, window, min_count)
        self.size = self.chances.size
        self.met = np.bincount(self.pairs.ravel(), minlength=n_texts) > 0
        self.drawn: DoubleArray = np.bincount(
            self.pairs[1], self.chances, minlength=n_texts
        ).astype(np.float64)
        self.items = np.bincount(text_of_item[text_of_item != BLANK], minlength=n_texts)
        self._cumulated = np.cumsum(self.chances)
        together = (np.ones(self.size, dtype=bool), (self.pairs[0], self.pairs[1]))
        self._together = csr_array(together, shape=(n_texts, n_texts))

    def draw(self, n: int, random: np.random.Generator) -> Batch:
        """Draws examples, with replacement."""
        draws = random.random(n) * self._cumulated[-1]
        anchors, targets = self.pairs[:, np.searchsorted(self._cumulated, draws, side="right")]
        weights = np.ones((n, 1), dtype=np.float32)
        known = csr_array(self._together[anchors])
        return Batch(anchors[:, None], weights, targets, known)


def paired_texts(
    histories: Histories, text_of_item: IntArray, n_texts: int, window: int, min_count: int
) -> tuple[IntArray, DoubleArray]:
    """Pairs of different texts that users met at most ``window`` events apart.

    Returns:
        ``(2, n_pairs)`` text numbers, each pair once in each direction, and ``(n_pairs,)`` how
        often to draw each; these sum to 1.
    """
    texts = text_of_item[histories.items]
    users, texts = histories.users[texts != BLANK], texts[texts != BLANK]
    met: list[IntArray] = []
    for apart in range(1, window + 1):
        near = (users[apart:] == users[:-apart]) & (texts[apart:] != texts[:-apart])
        low, high = np.sort(np.stack([texts[:-apart][near], texts[apart:][near]]), axis=0)
        met.append(low * n_texts + high)
    codes, counts = np.unique(np.concatenate(met), return_counts=True)
    codes, counts = codes[counts >= min_count], counts[counts >= min_count]
    low, high = codes // n_texts, codes % n_texts
    events = np.bincount(texts, minlength=n_texts)
    cosine = counts / np.sqrt(events[low] * events[high])
    both = np.concatenate([np.stack([low, high]), np.stack([high, low])], axis=1)
    chances = np.tile(cosine, 2)
    return both, chances / max(chances.sum(), 1e-12)
