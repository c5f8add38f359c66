"""What a terminal shows of names that a shop gives."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from hybridrec import console
from hybridrec.explain.evidence import GraphPath, PastItem
from hybridrec.explain.explanation import Contribution, Explanation
from hybridrec.explain.narrative import Facts
from hybridrec.recommendations import Recommendation, Recommendations

NAMES = ["Soap [pack of 3]", "Soap [/b]", "[red]Soap"]


def explained(name: str) -> Explanation:
    past = PastItem(name, name, 1, None, 0.5, together=12)
    parts = (Contribution("text", 0.5, (past,)),)
    path = GraphPath(f"{name} —brand→ {name}", name, "brand", name, 0.1, 1.0)
    facts = Facts(own_events=0, own_last_days=None, recent_users=None, timed=False)
    return Explanation("u1", "i1", f"{name}, large", 0.0, 0.5, parts, (path,), facts, lambda: None)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_as_they_are(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    why = explained(name)
    recs = Recommendations([Recommendation(user, name, 1, 0.5, why) for user in (name, "u2")])
    shop = SimpleNamespace(titles=[name], items=SimpleNamespace(row=lambda _: 0))
    shown: Any = SimpleNamespace(shop=shop)

    def printed() -> int:
        return capsys.readouterr().out.count(name)

    console.print_recommendations(recs, shown, title=name)
    assert printed() == 8  # the title; a user; id, name and reason of both
    console.print_explanation(replace(why, item_id=name), "en")
    assert printed() == 6  # name, id, sentence, past item, both ends of the path
    console.print_contrast(why.against(replace(why, item_id="i2", title="Tea", score=0.0)), "en")
    assert printed() >= 2
    console.print_counterfactual([name, "Tea"], 10)
    assert printed() == 1
    console.print_frame(pl.DataFrame({name: [name]}), name)
    assert printed() == 3


def test_what_was_not_tried_is_not_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    console.print_counterfactual(None, 10)
    assert "in every trial" in capsys.readouterr().out
