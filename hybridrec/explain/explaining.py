"""Explanations of candidates, made from what the fusion tells of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from hybridrec.arrays import IntArray
from hybridrec.config import Exclude
from hybridrec.data import Histories
from hybridrec.explain.attribution import Attribution, attribute
from hybridrec.explain.counterfactual import smallest_removal
from hybridrec.explain.evidence import PastItem, WeighedItems, best_paths, why_no_path
from hybridrec.explain.explanation import Contribution, Explanation
from hybridrec.explain.narrative import Facts
from hybridrec.explain.newcomers import explain_newcomer
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.fusion.newcomers import NewcomerCandidates, Newcomers, candidate_blocks
from hybridrec.fusion.pairs import NONE
from hybridrec.fusion.pipeline import Candidates, Fusion
from hybridrec.fusion.policy import Placed, policy_steps
from hybridrec.parallel import on_one_thread
from hybridrec.shop import Shop

if TYPE_CHECKING:
    from hybridrec.explain.text_words import TextWord


def explain_each(
    fusion: Fusion,
    shop: Shop,
    ids: Sequence[Hashable | None],
    histories: Histories,
    newcomers: Newcomers | None,
    items: Sequence[Sequence[int]],
    question: Exclude,
    k: int,
    found: Candidates | None = None,
) -> list[Explanation]:
    """Explanations of some items of each user, user by user.

    Args:
        fusion: towers and rankers.
        shop: names, dates and the knowledge graph.
        ids: of the users, to put on them.
        histories: the users' own.
        newcomers: who of them gets what is popular; ``None`` for nobody.
        items: item rows of each user, each once; candidates whatever the sources say.
        question: which ranker is asked.
        k: length of the list that counterfactuals speak of.
        found: the candidates of the one user asked for, where they are at hand; if an item is not
            among them, they are sought anew.
    """
    blocks: Iterator[tuple[IntArray, Candidates]]
    if found is not None and np.isin(items[0], found.pairs.items).all():
        blocks = iter([(np.zeros(1, dtype=np.int64), found)])
    else:
        include = np.full((len(items), max(map(len, items))), NONE, dtype=np.int64)
        for place, wanted in enumerate(items):
            include[place, : len(wanted)] = wanted
        blocks = candidate_blocks(fusion, histories, question, None, include, newcomers)
    explanations = []
    for users, candidates in blocks:
        for row, user in enumerate(users):
            known = candidates.pairs.items[candidates.pairs.of(row)]
            places = np.searchsorted(known, items[user])
            explanations += explain_candidates(
                fusion, shop, candidates, row, places, ids[user], question, k
            )
    return explanations


def explain_candidates(
    fusion: Fusion,
    shop: Shop,
    candidates: Candidates,
    user: int,
    places: IntArray,
    user_id: Hashable | None,
    question: Exclude,
    k: int,
) -> list[Explanation]:
    """Explanations of some candidates of one user.

    Args:
        fusion: towers and rankers.
        shop: names, dates and the knowledge graph.
        candidates: a block of users with candidates.
        user: which of its users.
        places: ``(n,)`` which of the user's candidates.
        user_id: the id to put on them.
        question: which ranker was asked.
        k: length of the list that counterfactuals speak of.
    """
    if isinstance(candidates, NewcomerCandidates):
        return explain_newcomer(shop, candidates, user, places, user_id)
    with on_one_thread():
        parts = attribute(fusion, candidates, user, places)
    scores = candidates.scores[candidates.pairs.of(user)][places]
    items = candidates.pairs.items[candidates.pairs.of(user)][places]
    history = candidates.histories.of([user])
    past = _past_items(shop, history, parts.past_items)
    weights = sum(parts.splits.values(), np.zeros((items.size, parts.past_items.size)))
    sources = parts.past_items[parts.counted]
    paths = best_paths(shop, sources, weights[:, parts.counted], items)
    explanations = []
    for place, (row, score, path) in enumerate(zip(items, scores, paths, strict=True)):
        removal_order = parts.past_items[np.argsort(-weights[place], kind="stable")]

        @cache
        def together(row: int = int(row)) -> Sequence[int | None]:
            met = shop.met_both(row, parts.past_items)
            if user_id is not None and row in history.items:
                met -= 1  # the user is among them
            return [int(n) if n >= FEWEST_USERS else None for n in met]

        def counterfactual(
            row: int = int(row), order: IntArray = removal_order
        ) -> tuple[Hashable, ...] | None:
            rows = smallest_removal(fusion, history, question, row, order, k)
            return None if rows is None else tuple(shop.items.ids_of(rows))

        def words(row: int = int(row), place: int = place) -> tuple[TextWord, ...]:
            from hybridrec.explain.text_words import text_words

            own = {profile: each[[user]] for profile, each in candidates.weights.items()}
            return text_words(fusion, shop, row, own, parts.scales, place)

        explanations.append(
            Explanation(
                user_id,
                shop.items.ids_of([int(row)])[0],
                shop.titles[row],
                float(parts.base[place]),
                float(score),
                _contributions(parts, place, past, together),
                () if path is None else (path,),
                _facts(fusion, history, int(row)),
                counterfactual,
                spread=float(parts.spread[place]),
                no_path=why_no_path(shop, sources, int(row)) if path is None else None,
                _words=words,
            )
        )
    return explanations


def explain_placed(
    fusion: Fusion,
    shop: Shop,
    candidates: Candidates,
    user: int,
    placed: Placed,
    user_id: Hashable | None,
    question: Exclude,
    k: int,
) -> list[Explanation]:
    """Explanations of one user's list, with what the policy gave and took.

    Args:
        fusion: towers and rankers.
        shop: names, dates and the knowledge graph.
        candidates: a block of users with candidates.
        user: which of its users.
        placed: the list.
        user_id: the id to put on them.
        question: which ranker was asked.
        k: how many items were asked for.
    """
    if placed.places.size == 0:
        return []
    reasons = explain_candidates(
        fusion, shop, candidates, user, placed.places, user_id, question, k
    )
    given = zip(
        reasons,
        placed.scores.tolist(),
        placed.boosts.tolist(),
        placed.diversity.tolist(),
        policy_steps(placed, k),
        strict=True,
    )
    return [
        reason.under_policy(score, {"boost": boost, "diversity": lost}, steps)
        for reason, score, boost, lost, steps in given
    ]


def latest_items(shop: Shop, user_id: Hashable, n: int) -> list[PastItem]:
    """What a user met last, the latest first; weighing nothing.

    Args:
        shop: ids, names and histories.
        user_id: a known user.
        n: how many items at most.
    """
    history = shop.histories_of([shop.users.row(user_id)])
    rows = np.unique(history.items)
    past = _past_items(shop, history, rows)
    lately = dict.fromkeys(history.items[::-1].tolist())
    return [past(int(np.searchsorted(rows, row))) for row in list(lately)[:n]]


def _contributions(
    parts: Attribution,
    place: int,
    past: Callable[[int], PastItem],
    together: Callable[[], Sequence[int | None]],
) -> tuple[Contribution, ...]:
    contributions = []
    for group, values in parts.groups.items():
        split = parts.splits.get(group)
        weights = np.zeros(parts.past_items.size) if split is None else split[place]
        given = parts.given.get(group)
        speaks = weights > 0 if given is None else given[place] > 0
        evidence = WeighedItems(past, weights, speaks, together)
        contributions.append(Contribution(group, float(values[place]), evidence))
    return tuple(sorted(contributions, key=lambda part: -abs(part.value)))


def _past_items(shop: Shop, history: Histories, rows: IntArray) -> Callable[[int], PastItem]:
    """Gives the user's past items by their places in the rows, weighing nothing yet."""
    at = np.searchsorted(rows, history.items)
    events = np.bincount(at, minlength=rows.size)
    ages = np.full(rows.size, np.inf)
    np.minimum.at(ages, at, history.ages)

    @cache
    def past(place: int) -> PastItem:
        row, last = int(rows[place]), _date(shop.as_of, ages[place])
        [item_id] = shop.items.ids_of([row])
        return PastItem(item_id, shop.titles[row], int(events[place]), last, 0.0)

    return past


def _date(as_of: datetime | None, age: float) -> datetime | None:
    return None if as_of is None or not np.isfinite(age) else as_of - timedelta(days=float(age))


def _facts(fusion: Fusion, history: Histories, row: int) -> Facts:
    own = history.ages[history.items == row]
    columns = fusion.moment.statistics
    users = columns["recent"] if history.timed else columns["popularity"]
    others = round(float(np.expm1(users[row])))
    return Facts(
        own_events=own.size,
        own_last_days=float(own.min()) if own.size and history.timed else None,
        recent_users=others if others >= FEWEST_USERS else None,
        timed=history.timed,
    )
