"""How the graph tower learns: stopping, going on, sampling, and data with next to nothing in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from hybridrec.data import Dataset
from hybridrec.errors import NotEnoughMemoryError
from hybridrec.evaluation.validation import HeldOut
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.tower import GraphTower
from hybridrec.towers.graph.training import Trainer
from kg import KnowledgeGraph

CONFIG = GraphConfig(embedding_dim=16, steps=12, learning_rate=0.02, evaluate_every=4)
FAMILIES = ("light", "attention")


class Killed(BaseException):
    """Stands for the signal."""


class FallingMetric:
    """Best at the measurement of a given number."""

    metric = "ndcg@10"

    def __init__(self, best: int) -> None:
        self.best, self.asked = best, -1
        self.embeddings: list[np.ndarray] = []

    def __call__(self, tower: Tower) -> float:
        self.asked += 1
        self.embeddings.append(tower.item_embeddings.copy())
        return -float(abs(self.asked - self.best))


def facts_of(*facts: tuple[str, str, str]) -> pl.DataFrame:
    """Triples; what looks like the id of an item is one."""
    rows = [
        (*fact, *("item" if end[0] in "in" and end[1].isdigit() else "entity" for end in fact[::2]))
        for fact in facts
    ]
    names = ["head", "relation", "tail", "head_type", "tail_type"]
    return pl.DataFrame(rows, schema=names, orient="row")


def graph_of(catalogue: pl.DataFrame, facts: pl.DataFrame) -> KnowledgeGraph:
    return KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=[], triples=facts)


def tower(**settings: Any) -> GraphTower:
    return GraphTower(CONFIG.model_copy(update=settings), seed=3, device="cpu")


@pytest.fixture(scope="module")
def held_back(training_data: TrainingData) -> tuple[TrainingData, HeldOut]:
    """All but the last quarter, and that quarter to foretell."""
    histories = training_data.histories
    early = histories.ages > np.quantile(histories.ages, 0.25)
    indptr = np.concatenate([[0], np.cumsum(early)])[histories.indptr]
    before = replace(
        histories,
        indptr=indptr,
        items=histories.items[early],
        ages=histories.ages[early],
        strengths=histories.strengths[early],
    )
    later = csr_array(
        (np.ones((~early).sum()), (histories.users[~early], histories.items[~early])),
        shape=(histories.n_users, histories.n_items),
    )
    asked = np.flatnonzero(np.diff(later.indptr))
    held = HeldOut({"long": before.weights()[asked]}, later[asked], None)
    return replace(training_data, histories=before), held


@pytest.mark.parametrize("family", FAMILIES)
def test_learning_makes_it_better_than_chance(
    family: str, held_back: tuple[TrainingData, HeldOut]
) -> None:
    data, held = held_back
    learned = held(tower(family=family, steps=40).fit(data))
    shuffled = tower(family=family, steps=1).fit(data)
    random = np.random.default_rng(0)
    shuffled.restore(
        shuffled.state() | {"item_embeddings": random.permutation(shuffled.item_embeddings)}
    )

    assert learned > 1.5 * held(shuffled)


def test_it_is_left_as_it_was_when_best(training_data: TrainingData) -> None:
    metric = FallingMetric(best=2)

    fitted = tower(steps=40, patience=3).fit(replace(training_data, validate=metric))

    assert metric.asked == 5  # patience ran out
    np.testing.assert_allclose(fitted.item_embeddings, metric.embeddings[2], atol=1e-6)


def test_a_refit_without_validation_learns_for_as_long_as_was_best(
    training_data: TrainingData,
) -> None:
    fitted = tower().fit(replace(training_data, validate=FallingMetric(best=2)))
    restored = tower().restore(fitted.state())
    session = FitSession("graph tower")

    restored.fit(training_data, session)

    losses = session.curves.to_polars().filter(pl.col("name") == "loss")
    assert losses["step"].max() == 8
    assert int(restored.state()["learned.best_steps"]) == 8


@pytest.mark.parametrize("sampling", ["never", "always"])
@pytest.mark.parametrize("validated", [True, False])
def test_a_killed_fit_comes_out_where_it_would_have(
    sampling: str,
    validated: bool,
    training_data: TrainingData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hybridrec.learning.session.CHECKPOINT_SECONDS", 0.0)
    data = replace(training_data, validate=FallingMetric(best=3) if validated else None)
    settings = {"sampling": sampling, "negatives": 20, "item_dropout": 0.2}
    expected = tower(**settings).fit(data)
    whole = Trainer.loss

    def killed(trainer: Trainer, step: int) -> Any:
        if step == 7:
            raise Killed
        return whole(trainer, step)

    metric = FallingMetric(best=3)
    again = replace(training_data, validate=metric if validated else None)
    monkeypatch.setattr(Trainer, "loss", killed)
    with pytest.raises(Killed):
        tower(**settings).fit(again, session(tmp_path))
    monkeypatch.setattr(Trainer, "loss", whole)
    resumed = tower(**settings).fit(again, session(tmp_path))

    np.testing.assert_allclose(resumed.item_embeddings, expected.item_embeddings, atol=1e-6)


def session(directory: Path) -> FitSession:
    return FitSession("graph tower", checkpoints=Checkpoints.open(directory / "kept", "same"))


@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_neighbours_lead_about_where_the_whole_graph_does(
    family: str, held_back: tuple[TrainingData, HeldOut]
) -> None:
    data, held = held_back
    settings = {"family": family, "steps": 40, "negatives": 32}

    whole = tower(**settings, sampling="never").fit(data)
    sampled = tower(**settings, sampling="always", neighbours=6).fit(data)

    assert held(sampled) > 0.85 * held(whole)


def test_a_graph_too_large_for_memory_is_sampled(
    training_data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = []
    whole = Trainer._sampled_items
    monkeypatch.setattr(Trainer, "_sampled_items", lambda *given: used.append(1) or whole(*given))
    small = {"negatives": 2, "neighbours": 1, "layers": 1, "batch_size": 2, "steps": 3}
    monkeypatch.setattr("hybridrec.towers.graph.training.available_memory", lambda _: 80e3)
    tower(**small).fit(training_data)

    assert len(used) == 3


def test_more_memory_than_there_is_names_the_setting(
    training_data: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybridrec.towers.graph.training.available_memory", lambda _: 1e3)
    monkeypatch.setattr("hybridrec.learning.memory.available_memory", lambda _: 1e3)

    with pytest.raises(NotEnoughMemoryError, match=r"lower towers\.graph\.embedding_dim \(16\)"):
        tower().fit(training_data)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_refit_recognises_items_and_entities_by_their_keys(
    family: str, training_data: TrainingData
) -> None:
    """More brands, a new relation, and the catalogue the other way round."""
    first = tower(family=family, steps=40).fit(training_data)
    catalogue = training_data.catalogue.reverse()
    histories = training_data.histories
    turned = replace(histories, items=histories.n_items - 1 - histories.items)
    graph = KnowledgeGraph.from_catalogue(
        catalogue.with_columns(pl.lit("cotton").alias("material")).drop("description"),
        attributes=["material", "category", "brand"],
    )
    data = replace(training_data, histories=turned, catalogue=catalogue, graph=graph)

    again = tower(family=family, steps=1, learning_rate=1e-4).restore(first.state())
    again._learned.pop("best_steps")
    again.fit(data)

    before = first.fold_in(histories.weights()) @ first.item_embeddings.T
    after = (again.fold_in(turned.weights()) @ again.item_embeddings.T)[:, ::-1]
    afresh = tower(family=family, steps=1, learning_rate=1e-4).fit(data)
    other = (afresh.fold_in(turned.weights()) @ afresh.item_embeddings.T)[:, ::-1]
    kept = np.corrcoef(before.ravel(), after.ravel())[0, 1]
    assert kept > 0.9
    assert kept > np.corrcoef(before.ravel(), other.ravel())[0, 1] + 0.1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("targets", ["next", "hidden"])
class TestNextToNothing:
    """Never a number that is none, never a hang."""

    @pytest.mark.parametrize(
        ("users", "items"),
        [
            (["u"], ["a"]),
            (["u"] * 4, ["a"] * 4),
            (["u", "v", "w"], ["a", "a", "a"]),
            (["u", "u", "v"], ["a", "b", "b"]),
        ],
        ids=["one event", "one event four times", "one item", "two items"],
    )
    @pytest.mark.parametrize("edges", ["none", "attributes", "apart"])
    def test_gives_finite_scores(
        self,
        users: list[str],
        items: list[str],
        edges: str,
        family: str,
        normalise: bool,
        targets: str,
    ) -> None:
        catalogue = pl.DataFrame({"item_id": sorted(set(items)), "brand": "x"})
        events = pl.DataFrame({"user_id": users, "item_id": items})
        data = Dataset.from_frames(events, catalogue)
        graph = None
        if edges == "attributes":
            graph = KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=["brand"])
        if edges == "apart":
            facts = facts_of(("pp", "r", "qq"))
            graph = graph_of(catalogue, facts)
        settings = {"family": family, "normalise": normalise, "targets": targets, "steps": 3}
        histories = data.histories()

        fitted = tower(**settings).fit(TrainingData(histories, data.catalogue, graph))

        scores = fitted.fold_in(histories.weights()) @ fitted.item_embeddings.T
        assert np.isfinite(scores).all()
        assert sum(fitted.relation_weights.values()) == pytest.approx(1.0, abs=1e-5)

    def test_learns_nothing_from_no_events(
        self, family: str, normalise: bool, targets: str, training_data: TrainingData
    ) -> None:
        none = training_data.histories.of([])
        settings = {"family": family, "normalise": normalise, "targets": targets}

        fitted = tower(**settings).fit(replace(training_data, histories=none))

        assert np.isfinite(fitted.item_embeddings).all()
        assert fitted.fold_in(none.weights()).shape == (0, 17)


def test_users_and_items_without_events_do_not_disturb(training_data: TrainingData) -> None:
    histories = training_data.histories
    idle = replace(histories, indptr=np.concatenate([histories.indptr, histories.indptr[-1:]]))

    with_idle, without = tower().fit(replace(training_data, histories=idle)), tower()
    without.fit(training_data)

    np.testing.assert_allclose(with_idle.item_embeddings, without.item_embeddings, atol=1e-4)
    assert not with_idle.fold_in(idle.weights())[-1].any()


def test_entities_that_lead_nowhere_are_left_out(training_data: TrainingData) -> None:
    made = ("i00", "made by", "maker")
    further = [("maker", "based in", "town"), ("maker", "owns", "barn"), ("maker", "owns", "shed")]
    catalogue = training_data.catalogue.select("item_id")
    graph = graph_of(catalogue, facts_of(made, *further))
    plain = graph_of(catalogue, facts_of(made))
    keys = [
        tower(steps=1).fit(replace(training_data, graph=each))._keys.to_list()
        for each in (graph, plain)
    ]

    assert len(keys[0]) == training_data.histories.n_items + 1
    assert keys[0] == keys[1]


def test_new_items_hear_of_edges_in_both_directions(training_data: TrainingData) -> None:
    known = [("writer", "wrote", "i00"), ("writer", "wrote", "i04"), ("i05", "sequel of", "i09")]
    further = [("writer", "wrote", "n1"), ("n2", "sequel of", "i05")]
    catalogue = training_data.catalogue.select("item_id")
    rows = pl.DataFrame({"item_id": ["n1", "n2", "n3"]})
    graph = graph_of(catalogue, facts_of(*known))
    fitted = tower(steps=20).fit(replace(training_data, graph=graph))
    grown = graph_of(pl.concat([catalogue, rows]), facts_of(*known, *further))

    embedded = fitted.embed_items(rows, grown, grown.item_entities[-3:].astype(np.int64))

    assert np.abs(embedded[:2, :-1]).max(axis=1).min() > 0
    assert not embedded[2].any()
