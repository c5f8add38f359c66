"""What each step of a policy did to the items of a list, one by one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from hybridrec.arrays import DoubleArray
from hybridrec.fusion.policy.placing import Placed, UserCandidates, arranged
from hybridrec.fusion.policy.rules import ActivePin

What = Literal["boost", "diversity", "cap", "exploration", "pin"]


@dataclass(frozen=True, slots=True)
class PolicyStep:
    """One step that touched an item.

    Args:
        what: which kind of step.
        rule: which rule, as the policy has it.
        own: whether the rule is on this item; it only made way, or moved up, otherwise.
        note: why, as the policy says; may be empty.
        by: what it adds to the score: of boosts and diversity, zero for all others.
        rank_before: ``None`` where it was not in the list.
        rank_after: the same.
    """

    what: What
    rule: str
    own: bool
    note: str
    by: float
    rank_before: int | None
    rank_after: int | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class _Stage:
    """The ranks of all candidates after a step, ``(n,)``, NaN for those not in the list."""

    what: What
    rule: str
    ranks: DoubleArray
    by: DoubleArray
    note: str = ""
    own: frozenset[int] = frozenset()
    pins: dict[int, ActivePin] = field(default_factory=dict)

    def step(self, place: int, before: int | None) -> PolicyStep | None:
        """What it did to one candidate; ``None`` where it left it alone."""
        after, own = _rank(self.ranks, place), place in self.own
        if not own and before == after:
            return None
        pin = self.pins.get(place)
        rule, note = (self.rule, self.note) if pin is None else (_in_words(pin), pin.note)
        return PolicyStep(self.what, rule, own, note, float(self.by[place]), before, after)


def policy_steps(placed: Placed, k: int) -> list[tuple[PolicyStep, ...]]:
    """The steps that touched each item of a list, in the order they were taken.

    The rank after a step is the rank before the next; the first is by the ranker's score alone,
    and the last is the item's own. Boosts rank all candidates, later steps the list of ``k``.

    Args:
        placed: the list.
        k: how many items were asked for.
    """
    own = placed.candidates
    if own is None:
        return [()] * placed.places.size
    first = _ranks_by(own, own.scores)
    stages = _stages(own, placed, k)
    found: list[tuple[PolicyStep, ...]] = []
    for place in placed.places.tolist():
        before, steps = _rank(first, place), []
        for stage in stages:
            step = stage.step(place, before)
            if step is not None:
                steps.append(step)
            before = _rank(stage.ranks, place)
        found.append(tuple(steps))
    return found


def _stages(own: UserCandidates, placed: Placed, k: int) -> list[_Stage]:
    """All steps of the policy that there are, in order; the last ends with the list itself."""
    rules, stages = own.rules, list[_Stage]()
    nothing = np.zeros(own.items.size)
    scores = own.scores
    for boost in rules.boosts:
        mask = boost.items[own.items]
        scores = scores + boost.by * mask
        raised = frozenset(np.flatnonzero(mask).tolist())
        ranks = _ranks_by(own, scores)
        rule = f"{boost.rule} {boost.by:+g}"
        gained = boost.by * mask.astype(np.float64)
        stages.append(_Stage("boost", rule, ranks, gained, boost.note, raised))

    kept = replace(rules, diversity=0.0, caps=(), exploration=0.0, pins=())
    if rules.diversity:
        kept = replace(kept, diversity=rules.diversity)
        rule = f"{rules.diversity_method} {rules.diversity:g}"
        lost = nothing.copy()
        lost[placed.places] = placed.diversity
        costly = frozenset(np.flatnonzero(lost).tolist())
        ranks = _ranks_in(replace(own, rules=kept), k)
        stages.append(_Stage("diversity", rule, ranks, lost, own=costly))
    if rules.caps:
        kept = replace(kept, caps=rules.caps)
        rule = ", ".join(f"{column.name} ≤ {column.cap}" for column in rules.caps)
        stages.append(_Stage("cap", rule, _ranks_in(replace(own, rules=kept), k), nothing))
    if rules.exploration:
        kept = replace(kept, exploration=rules.exploration)
        explored = [by == "exploration" for by in placed.by]
        ranks = _ranks_in(replace(own, rules=kept), k)
        shown = frozenset(placed.places[explored].tolist())
        rule = f"share {rules.exploration:g}"
        stages.append(_Stage("exploration", rule, ranks, nothing, own=shown))

    final = np.full(own.items.size, np.nan)
    final[placed.places] = np.arange(1, placed.places.size + 1)
    if own.pins:
        rule = ", ".join(_in_words(pin) for pin, _ in own.pins)
        pins = {place: pin for pin, place in own.pins}
        stages.append(_Stage("pin", rule, final, nothing, own=frozenset(pins), pins=pins))
    elif stages:
        # boosts alone rank all candidates, and so say nothing of the list's length
        stages[-1] = replace(stages[-1], ranks=final)
    return stages


def _in_words(pin: ActivePin) -> str:
    return f"{pin.rule} at rank {pin.rank}"


def _ranks_by(own: UserCandidates, scores: DoubleArray) -> DoubleArray:
    """Ranks of all candidates by some score; NaN for those not to be shown."""
    order = np.argsort(-scores, kind="stable")
    order = order[own.free[order]]
    ranks = np.full(scores.size, np.nan)
    ranks[order] = np.arange(1, order.size + 1)
    return ranks


def _ranks_in(own: UserCandidates, k: int) -> DoubleArray:
    """Ranks in the list that some of the rules would give; NaN for those not in it."""
    places = arranged(own, k).places
    ranks = np.full(own.items.size, np.nan)
    ranks[places] = np.arange(1, places.size + 1)
    return ranks


def _rank(ranks: DoubleArray, place: int) -> int | None:
    return None if np.isnan(ranks[place]) else int(ranks[place])
