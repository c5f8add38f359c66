"""Training curves: recorded, drawn, saved, sent to TensorBoard."""

from pathlib import Path

import polars as pl
import pytest

from hybridrec import Recommender
from hybridrec.learning.curves import Curves, Point


@pytest.fixture
def curves() -> Curves:
    made = Curves()
    for step in range(0, 1001, 2):
        made.add(Point("text tower", "loss", step, 3 - step / 500, step / 10))
    for step, value in ((0, 0.01), (500, 0.043), (1000, 0.031)):
        made.add(Point("text tower", "ndcg@10", step, value, step / 10))
    made.add(Point("<graph> tower", "loss", 1, 2.0, 0.1))
    return made


def test_come_back_from_a_frame(curves: Curves) -> None:
    again = Curves.from_polars(curves.to_polars())

    assert again.to_polars().equals(curves.to_polars())
    assert again.models == ["text tower", "<graph> tower"]


def test_are_drawn_with_the_step_that_was_kept(curves: Curves, tmp_path: Path) -> None:
    curves.to_html(tmp_path / "new" / "curves.html")
    page = (tmp_path / "new" / "curves.html").read_text(encoding="utf-8")

    assert "best: 0.0430 after 500 steps" in page
    assert "&lt;graph&gt; tower" in page.lower()
    assert page.count("<polyline") == 3
    longest = max(page.split('points="')[1:], key=lambda part: part.index('"')).split('"')[0]
    assert 200 < len(longest.split()) <= 300


def test_no_curves_make_a_page_that_says_so(tmp_path: Path) -> None:
    Curves().to_html(tmp_path / "curves.html")

    assert "Nothing was learnt by steps" in (tmp_path / "curves.html").read_text()


def test_go_to_tensorboard_when_asked(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    curves = Curves(tensorboard=tmp_path)
    curves.add(Point("text tower", "loss", 1, 2.5, 0.1))
    curves.add(Point("text tower", "loss", 2, 2.0, 0.2))
    curves.close()

    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in events.Scalars("text tower/loss")] == [(1, 2.5), (2, 2.0)]


def test_of_a_recommender_are_saved_with_it(recommender: Recommender, tmp_path: Path) -> None:
    recommender.save(tmp_path / "model")

    loaded = Recommender.load(tmp_path / "model").curves.to_polars()
    assert loaded.equals(recommender.curves.to_polars())
    models = loaded.filter(pl.col("name") == "ndcg@10")["model"].unique().to_list()
    assert any(model.startswith("graph tower, up to 2024-04") for model in models)
