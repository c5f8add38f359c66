"""Synthetic shops, and what a stage costs as they grow."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import scaling
from benchmarks.scaling import AFTER, FIT, REST, ShopCost, exponent, measured, report
from benchmarks.synthetic import shop
from hybridrec.data.columns import Columns

SETTINGS = """
towers: {graph: null, text: null, collaborative: {embedding_dim: 8, iterations: 2}}
ranker: {moments: 1, epochs: 1, hidden: 4, members: 1}
"""


class TestShop:
    def test_is_as_large_as_asked_and_the_same_again(self) -> None:
        one, same, other = shop(20_000, seed=3), shop(20_000, seed=3), shop(20_000, seed=4)

        assert one.events.height == 20_000
        assert one.catalogue.height == 200
        assert one.events[Columns.USER].n_unique() <= 1_000
        assert one.events.equals(same.events)
        assert one.catalogue.equals(same.catalogue)
        assert not one.events.equals(other.events)

    def test_few_items_and_users_have_much_and_tastes_cluster(self) -> None:
        data = shop(60_000)
        for column in (Columns.USER, Columns.ITEM):
            counts = data.events[column].value_counts(sort=True)["count"].to_numpy()
            tenth = counts[: counts.size // 10].sum()
            assert tenth > 0.2 * counts.sum()
        events = data.events.join(data.catalogue, on=Columns.ITEM)
        shelves = events.group_by(Columns.USER, "category").len()
        busiest = shelves.group_by(Columns.USER).agg(pl.col("len").max() / pl.col("len").sum())
        n_shelves = data.catalogue["category"].n_unique()
        assert busiest["len"].mean() > 3 / n_shelves

    def test_titles_tell_the_shelf(self) -> None:
        catalogue = shop(60_000).catalogue
        words = {
            shelf: {word for title in titles for word in title.split()[:-1]}
            for shelf, titles in catalogue.group_by("category").agg(Columns.TITLE).iter_rows()
        }
        one, other, *_ = words.values()
        assert len(one) <= 12
        assert len(one & other) < len(one)


def test_every_stage_has_its_seconds_and_its_memory(tmp_path: Path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(SETTINGS, encoding="utf-8")
    costs = measured(6_000, config, seed=7)

    assert {"collaborative tower", "neighbours", "fusion ranker", REST, FIT, *AFTER} <= set(costs)
    assert "text tower" not in costs
    parts = [seconds for name, (seconds, _) in costs.items() if name not in (FIT, *AFTER)]
    assert sum(parts) == pytest.approx(costs[FIT][0])
    assert 0 < costs[FIT][1] < 64
    assert all(seconds > 0 for seconds, _ in costs.values())


def test_the_report_tells_exponents_and_the_last_step() -> None:
    costs = [
        ShopCost(size, "a machine" if size < 10_000 else "another", {"fit": (size**1.5, 0.5)})
        for size in (100, 1_000, 10_000)
    ]
    text = report(costs)

    assert "| fit | 1,000.0 | 31,622.8 | 1,000,000.0 | 1.5 | 1.5 |" in text
    assert "| fit | 0.5 | 0.5 | 0.5 |" in text
    assert "- 100, 1,000: a machine\n- 10,000: another" in text
    assert np.isnan(exponent([1, 2], [0.0, 1.0]) or np.nan)


def test_sizes_are_measured_apart_and_join_those_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def apart(size: int, config: Path | None, seed: int) -> dict[str, tuple[float, float]]:
        asked.append(size)
        return {"fit": (float(len(asked)), 0.5)}

    def measure(*sizes: str) -> str:
        command = ["scaling", "--events", *sizes, "--save-results", str(results)]
        monkeypatch.setattr("sys.argv", [*command, "--save-plot", str(plot)])
        scaling.main()
        return results.with_suffix(".md").read_text(encoding="utf-8")

    monkeypatch.setattr(scaling, "apart", apart)
    results, plot = tmp_path / "scaling.jsonl", tmp_path / "scaling.svg"

    assert "| fit | 1.0 | 2.0 | " in measure("200", "100")
    assert asked == [100, 200]
    assert "| fit | 1.0 | 3.0 | 4.0 | " in measure("400", "200")
    assert plot.read_text(encoding="utf-8").startswith("<?xml")
