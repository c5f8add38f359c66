"""What items that nobody has met are like, learned from moments when other items were new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.special import expit, logsumexp
from torch import Tensor

from hybridrec.arrays import DoubleArray, FloatArray, IntArray
from hybridrec.learning.loop import learn
from hybridrec.learning.schedules import warmup_cosine
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import mean_weights
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.model import drawn_classes, softmax_loss
from hybridrec.towers.graph.moments import Batch, Moment
from hybridrec.towers.graph.unmet import Touched, UnmetItems

SHARES_TO_COME = (0.08, 0.16, 0.24, 0.32, 0.4, 0.48)
"""Items are learned of as new at moments where these shares of all events are still to come. First
meetings are few, so that these go farther back than what known items learn from."""
CANDIDATES = 8192
"""New items that a softmax is taken over, at most."""
FASTER = 5.0
"""The shares of relations and the scale may move faster than what the nodes bring."""
LEVEL_USERS = 256
"""Users of a moment by whom the level is set, at most."""
FARTHEST_LEVEL = 100.0
"""Where the level of scores is sought, on both sides of 0."""


@dataclass(frozen=True)
class FirstMeetings:
    """Who met items at a moment that nobody had met before.

    Args:
        vectors: ``(n_users, dim)`` of users who met any, from their histories until then.
        items: ``(n_unmet,)`` rows of items that nobody had met.
        targets: ``(n_users, n_unmet)`` which were met next; a user's shares sum to 1.
    """

    vectors: FloatArray
    items: IntArray
    targets: csr_array

    @classmethod
    def at(cls, moment: Moment, embeddings: FloatArray) -> Self:
        """Those of a moment.

        Args:
            moment: histories, and what was met next.
            embeddings: ``(n_items, dim)`` of items, without biases.
        """
        items = np.flatnonzero(np.bincount(moment.profiles.indices, minlength=len(embeddings)) == 0)
        following = moment.targets
        if following is None:
            following = csr_array(moment.profiles.shape)
        targets = csr_array(following[moment.users][:, items])
        asked = np.flatnonzero(np.diff(targets.indptr))
        targets = csr_array(targets[asked])
        totals = np.asarray(targets.sum(axis=1)).ravel()
        targets.data /= np.repeat(totals, np.diff(targets.indptr))
        shares = mean_weights(csr_array(moment.profiles[moment.users[asked]]))
        return cls(np.asarray(shares @ embeddings, dtype=np.float32), items, targets)


def learn_unmet(
    model: UnmetItems,
    touched: Touched,
    meetings: Sequence[FirstMeetings],
    config: GraphConfig,
    seed: int,
    session: FitSession,
) -> None:
    """Takes the gradient steps; none where no item was ever new.

    Args:
        model: what learns, in place.
        touched: what items touch.
        meetings: what is foretold.
        config: steps, users a step and learning rate.
        seed: of all that is drawn.
        session: where losses are recorded.
    """
    meetings = [each for each in meetings if each.targets.nnz]
    if not meetings or config.unmet_steps == 0:
        return
    device = model.states.device

    def loss(step: int) -> Tensor:
        random = np.random.default_rng([seed, step])
        at = meetings[step % len(meetings)]
        users = random.choice(len(at.vectors), min(config.batch_size, len(at.vectors)), False)
        targets = at.targets[users].tocoo()
        columns = targets.col.astype(np.int64)
        classes = drawn_classes(np.zeros(at.items.size), columns, CANDIDATES, random)
        rows = at.items[classes.items]
        embedded = model(Touched(csr_array(touched.shares[rows]), touched.nodes, touched.kinds))
        nothing = csr_array((users.size, at.items.size))
        answers = targets.row.astype(np.int64)
        batch = Batch(users, nothing, answers, columns, targets.data, excluded=False)
        vectors = torch.from_numpy(at.vectors[users]).to(device)
        return softmax_loss(vectors, embedded[:, :-1], embedded[:, -1], batch, classes)

    rate = config.learning_rate
    shares = [model.relation_logits, model.scale]
    groups = [{"params": [model.states], "lr": rate}, {"params": shares, "lr": FASTER * rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
    schedule = warmup_cosine(optimizer, config.unmet_steps)
    steps = config.unmet_steps
    learn(loss, dict(model.named_parameters()), optimizer, schedule, steps, session)


def fair_level(
    moments: Sequence[Moment],
    history: FloatArray,
    embeddings: FloatArray,
    unmet: FloatArray,
    seed: int,
) -> float:
    """What to add to scores of unmet items for them to be chosen as often as they were.

    At past moments, the softmax over all items is to give those that nobody had met, together,
    the share that they had in what users met next.

    Args:
        moments: histories, and what was met next.
        history: ``(n_items, dim + 1)`` what an item of the history brings to a user vector.
        embeddings: ``(n_items, dim + 1)`` of items once they were met.
        unmet: ``(n_items, dim + 1)`` of the same before, at level 0.
        seed: draws the users.
    """
    random = np.random.default_rng(seed)
    odds, share, total = [], 0.0, 0
    for moment in moments:
        new = np.bincount(moment.profiles.indices, minlength=len(embeddings)) == 0
        if moment.targets is None or not new.any() or new.all():
            continue
        size = min(LEVEL_USERS, moment.users.size)
        users = random.choice(moment.users, size, replace=False)
        vectors = mean_weights(csr_array(moment.profiles[users])) @ history
        against = logsumexp(vectors @ embeddings[~new].T, axis=1)
        odds.append(logsumexp(vectors @ unmet[new].T, axis=1) - against)
        share += float(moment.targets[users][:, np.flatnonzero(new)].sum())
        total += size
    if share == 0.0 or share >= total:
        return 0.0
    logits: DoubleArray = np.concatenate(odds).astype(np.float64)
    middle = float(logits.mean())

    def excess(level: float) -> float:
        return float(expit(logits + level).mean()) - share / total

    return float(brentq(excess, -middle - FARTHEST_LEVEL, -middle + FARTHEST_LEVEL))
