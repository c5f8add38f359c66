"""What each table is measured against: the best figures published for it, and our goal."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """Figures in the order of the table's metrics, as the table writes them.

    Args:
        published: the best we know, and whose; ``None`` where nobody published on this protocol.
        aim: ours.
    """

    published: str | None
    aim: str


GOALS: dict[str, Goal] = {
    "amazon-beauty": Goal(
        "WEARec .1041 / –; BSARec .1008 / .0611 (AAAI 2026, 2024)", ".140 / .088"
    ),
    "amazon-toys": Goal("SASRec, sampled softmax .0970 / .0580 (RecSys 2025)", ".155 / .098"),
    "amazon-beauty-70-30": Goal(
        "CAFE 7.06 / 10.95 / 18.10 / 2.27 (CIKM 2020)", "10.8 / 15.0 / 24.0 / 3.25"
    ),
    "book-crossing": Goal(
        "LightKG .1144 / .0520 (KDD 2025); AdaKG .1112 / .0552 (CIKM 2026)", ".155 / .080"
    ),
    "complete-journey-all": Goal(None, ".402 / .437"),
    "complete-journey-new": Goal(None, ".052 / .051"),
    "online-retail-new": Goal(None, "10 % above the best peer"),
}
