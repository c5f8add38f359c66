"""Scores taken apart: what each signal group gives, and each past item within it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.fusion.pipeline import Candidates, Fusion
from hybridrec.fusion.signals.order import ORDER

NEGLIGIBLE = 1e-9


@dataclass(frozen=True)
class Attribution:
    """The parts of some scores of one user.

    Args:
        base: ``(n,)`` what the user's mean candidate scores.
        spread: ``(n,)`` how far the ranker's members differ on what is beyond it; see
            :meth:`.Ranker.spread`.
        groups: for each group what it gives, ``(n,)``; with the base they sum to the scores.
        past_items: ``(n_past,)`` item rows of the user's history, each once, ascending.
        counted: ``(n_past,)`` whether any profile counts them; all others have faded or have no
            strength.
        splits: for each group that rests on the history, its part by past item,
            ``(n, n_past)``; rows sum to the group's value, or are zero where nothing in the
            history can have given it.
        given: for each scorer what each past item gives its scores beyond what it gives that of the
            mean candidate, over the profiles that the ranker rewards, ``(n, n_past)``; for
            ``affinity`` what it has in common with the item, where that raises it.
        scales: for each scorer and profile, ``text/long``, what a unit of its score beyond the mean
            candidate's brings, ``(n,)``.
    """

    base: DoubleArray
    spread: FloatArray
    groups: Mapping[str, DoubleArray]
    past_items: IntArray
    counted: BoolArray
    splits: Mapping[str, DoubleArray]
    given: Mapping[str, DoubleArray]
    scales: Mapping[str, DoubleArray]


def attribute(fusion: Fusion, candidates: Candidates, user: int, places: IntArray) -> Attribution:
    """Takes scores of one user apart.

    Signal groups share the score by exact Shapley values against the user's mean candidate; the
    profiles of a scorer count as one. What each profile brings is split over past items by the
    scorer's own attribution, which is exact, relative to the mean candidate as the ranker sees
    it. Where the scorers together speak for the item and the ranker holds the score of one profile
    against it, past items are not blamed for being like it: to take them out would not raise it.
    Such a part, and what no profile brings by itself, all past items share evenly; so do they where
    the item has less in common with the history (``affinity``) than the mean candidate has.

    Args:
        fusion: towers and rankers.
        candidates: a block of users with candidates.
        user: which of its users.
        places: ``(n,)`` which of the user's candidates.
    """
    ranker, pairs = candidates.ranker, candidates.pairs
    at = pairs.of(user)
    items = pairs.items[at]
    standard = candidates.standardised
    inputs = standard.inputs[at][places]
    baseline = np.repeat(standard.baseline[[user]], places.size, axis=0)
    base, shapley, brought = ranker.contributions(inputs, baseline)
    groups = dict(zip(ranker.unions, shapley.T, strict=True))
    of_group = dict(zip(ranker.groups, brought.T, strict=True))

    rows = {profile: matrix[[user]] for profile, matrix in candidates.weights.items()}
    past = np.unique(candidates.histories.of([user]).items)
    counted = np.isin(past, np.concatenate([row.indices for row in rows.values()]))
    splits: dict[str, DoubleArray] = {}
    given: dict[str, DoubleArray] = {}
    scales: dict[str, DoubleArray] = {}
    by_profile: dict[str, FloatArray] = {}
    together = np.zeros(places.size)
    for tower, scorer in fusion.scorers.items():
        own = [name for name in of_group if name.startswith(f"{tower}/") and name != ORDER]
        profiles = [rows[name.partition("/")[2]] for name in own]
        if own:
            each = scorer.attribute_each(profiles, items[places], among=items)
            by_profile |= dict(zip(own, each, strict=True))
            together += sum(of_group[name] for name in own)
    for name, value in of_group.items():
        tower, _, profile = name.partition("/")
        if not profile:
            continue
        split = splits.setdefault(tower, np.zeros((places.size, past.size)))
        if name == ORDER:
            latest, known = candidates.asked.latest
            split += value[:, None] * ((past == latest[user]) & known[user])
            continue
        centred = by_profile[name].astype(np.float64)
        totals = centred.sum(axis=0)
        scales[name] = np.divide(
            value, totals, out=np.zeros_like(value), where=np.abs(totals) > NEGLIGIBLE
        )
        at_past = np.searchsorted(past, rows[profile].indices)
        rewarded = scales[name].clip(min=0)
        split[:, at_past] += (centred * np.where(together < 0, scales[name], rewarded)).T
        given.setdefault(tower, np.zeros_like(split))[:, at_past] += (centred * (rewarded > 0)).T

    for tower, split in splits.items():
        left = groups[tower] - split.sum(axis=1)
        split[:, counted] += left[:, None] / max(np.count_nonzero(counted), 1)
    if "affinity" in groups:
        value, at_past = groups["affinity"], np.searchsorted(past, rows["long"].indices)
        common = np.zeros((places.size, past.size))
        common[:, at_past] = fusion.moment.affinity.attribute(rows["long"], items[places]).T
        given["affinity"] = common * (value[:, None] > 0)
        splits["affinity"] = np.zeros_like(common)
        splits["affinity"][:, at_past] = _shared_out(value, given["affinity"][:, at_past])
    if "repeat" in groups:
        own = past[None, :] == items[places][:, None]
        splits["repeat"] = own * groups["repeat"][:, None]
    spread = ranker.spread(inputs, baseline)
    return Attribution(
        base.astype(np.float64), spread, groups, past, counted, splits, given, scales
    )


def _shared_out(values: DoubleArray, given: DoubleArray) -> DoubleArray:
    """Values ``(n,)`` in proportion to what each past item gave, ``(n, n_past)``, 0 or above.

    Where none gave anything, all share evenly.
    """
    parts = given.copy()
    parts[parts.sum(axis=1) <= NEGLIGIBLE] = 1.0
    return np.asarray(values[:, None] * parts / parts.sum(axis=1, keepdims=True))
