"""The text tower from text alone: frozen and fine-tuned encoders, cold items, precision, widths.

    python -m benchmarks.text_tower --data DIR [--only warm cold precision widths]

Each part's table takes the place of its former one in ``benchmarks/results/text-tower.md``.

Amazon Beauty, on validation unless ``--test`` is given. ``warm``: leave one out, all items ranked,
the history excluded. ``cold``: what users with a history bought of the last 10 % of the items by
first event (for validation, of the 10 % before these, or of an earlier ``--window``), such items
alone ranked; training ends before the first of them appears. Users are told by their history as it
is, or with a half-life of 14 days; the better of the two counts for every row. Nothing is validated
while learning: the steps are those of the settings, found on validation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import torch
from scipy.sparse import csr_array

from benchmarks import markdown
from benchmarks.machine import describe, peak_memory_gb
from hybridrec import Dataset
from hybridrec.arrays import FloatArray, IntArray
from hybridrec.data.columns import Columns
from hybridrec.data.roles import attributes, text_columns
from hybridrec.evaluation.metrics import Estimate
from hybridrec.evaluation.validation import HeldOut
from hybridrec.towers.base import HistoryMeanTower, Tower, TrainingData
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.template import ItemTexts
from hybridrec.towers.text.tower import TextTower

SECTIONS = ("warm", "cold", "precision", "widths")
PROFILES: dict[str, float | None] = {"whole": None, "recent": 14.0}
WARM_METRIC, COLD_METRIC = "recall@10", "recall@50"
COLD_SHARE = 0.1
LORA_STEPS = 2
"""Times the steps of the settings, for adapters learn more slowly."""
WIDTHS = (384, 256, 128, 64, 32)
RESULTS = Path(__file__).parent / "results" / "text-tower.md"


@dataclass(frozen=True)
class Question:
    """Training data and what is asked after it.

    Args:
        train: what is learnt from.
        profiles: by name, weighted histories of the users asked about.
        targets: ``(n, n_items)`` what they met next.
        seen: what is not ranked, or ``None``.
        items: the items that are ranked.
        metric: how answers are scored.
    """

    train: Dataset
    profiles: dict[str, csr_array]
    targets: csr_array
    seen: csr_array | None
    items: IntArray
    metric: str

    def per_user(self, tower: Tower) -> np.ndarray:
        """The metric of every user, by the better profile."""
        held_out = HeldOut(self.profiles, self.targets, self.seen, self.metric)
        among = Among(tower, self.items)
        values = [held_out.per_user(among, weights) for weights in self.profiles.values()]
        return max(values, key=lambda each: float(each.mean()))

    def data(self) -> TrainingData:
        """What the tower learns from."""
        train = self.train
        return TrainingData(
            train.histories(),
            train.catalogue,
            None,
            text_columns(train.roles),
            attribute_columns=tuple(attributes(train.roles)),
        )


class Among(HistoryMeanTower):
    """A tower that ranks some of the items only.

    Args:
        tower: whose users and items.
        items: the rows that are ranked.
    """

    def __init__(self, tower: Tower, items: IntArray) -> None:
        super().__init__()
        self._tower = tower
        self._item_embeddings = tower.item_embeddings[items]

    def fold_in(self, weights: csr_array) -> FloatArray:
        """User vectors by all items."""
        return self._tower.fold_in(weights)

    def fit(self, data: TrainingData, session: object = None) -> Among:
        """Is fitted already."""
        return self

    def state(self) -> dict[str, np.ndarray]:
        """Nothing of its own."""
        return {}

    def restore(self, arrays: object) -> Among:
        """Nothing to take on."""
        return self


class Given(Among):
    """Embeddings that were made elsewhere.

    Args:
        items: ``(n_items, dim)`` what is scored.
        histories: ``(n_items, dim)`` what each item brings to a user; ``items`` if not given.
    """

    def __init__(self, items: FloatArray, histories: FloatArray | None = None) -> None:
        HistoryMeanTower.__init__(self)
        self._item_embeddings = items
        self._histories = items if histories is None else histories

    def brought_by(self, embeddings: FloatArray) -> FloatArray:
        """What each item brings to a user vector."""
        return self._histories

    def fold_in(self, weights: csr_array) -> FloatArray:
        """User vectors, the weighted means of histories."""
        return HistoryMeanTower.fold_in(self, weights)


def main() -> None:
    """Measures what is asked for, prints and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--test", action="store_true", help="open the test")
    parser.add_argument("--window", type=int, choices=range(2, 10), default=2)
    parser.add_argument("--config", type=Path, help="settings of the tower in YAML")
    parser.add_argument("--steps", type=int, help="other than the settings', to try the script")
    parser.add_argument("--cache", type=Path, help="folder of the frozen encoder's embeddings")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--save-table", type=Path, default=RESULTS, help="Markdown file to write")
    arguments = parser.parse_args()
    config = TextConfig() if arguments.config is None else TextConfig.from_yaml(arguments.config)
    if arguments.steps is not None:
        config = config.model_copy(update={"steps": arguments.steps})
    data = Dataset.load("amazon-beauty", data_dir=arguments.data)
    with TemporaryDirectory() as folder:
        measure = Measure(config, arguments.seed, str(arguments.cache or folder))
        _write(measure, data, arguments)


def _write(measure: Measure, data: Dataset, arguments: argparse.Namespace) -> None:
    """Prints and keeps the table of every part that is asked for."""
    for section in arguments.only:
        window = 1 if arguments.test else arguments.window
        question = cold(data, window) if section == "cold" else warm(data, arguments.test)
        title = f"{section}, {'test' if arguments.test else 'validation'}"
        if section == "cold" and window > 2:
            title = f"cold, window {window} from the end"
        body = (
            f"{getattr(measure, section)(question)}\n\n"
            f"- peak memory {peak_memory_gb():.2f} GB; {torch.get_num_threads()} threads\n"
            f"- settings: {measure.config.model_dump(mode='json')}\n- {describe(arguments.seed)}"
        )
        print(f"### {title}\n\n{body}\n", flush=True)
        _put(arguments.save_table, title, body)


def _put(file: Path, title: str, body: str) -> None:
    """Writes one part of a file of results, in place of the part of that title if there is one."""
    before, *parts = file.read_text(encoding="utf-8").split("### ") if file.exists() else [""]
    parts = [part.strip() for part in parts if not part.startswith(f"{title}\n")]
    written = [before.strip(), *(f"### {part}" for part in [*parts, f"{title}\n\n{body}"])]
    file.write_text("\n\n".join(part for part in written if part) + "\n", encoding="utf-8")


def warm(data: Dataset, test: bool) -> Question:
    """What each user met last, before that in training."""
    train, after = data.split_leave_last_out()
    if not test:
        train, after = train.split_leave_last_out()
    return _asked(train, after, np.arange(len(train.items)), WARM_METRIC, exclude=True)


def cold(data: Dataset, window: int) -> Question:
    """What users with a history bought of items that appeared after training ended.

    Args:
        data: all events.
        window: which tenth of the items by first event, 1 being the last: the test.
    """
    first = data.events.group_by(Columns.ITEM).agg(pl.col(Columns.TIMESTAMP).min())
    moments = first[Columns.TIMESTAMP].sort()
    step = int(moments.len() * COLD_SHARE)
    before = timedelta(microseconds=1)
    if window > 1:
        data, _ = data.split_by_time(at=moments[moments.len() - (window - 1) * step] - before)
    train, after = data.split_cold_items(at=moments[moments.len() - window * step] - before)
    items = np.unique(train.items.join(after.events[Columns.ITEM]))
    return _asked(train, after, items, COLD_METRIC, exclude=False)


def _asked(
    train: Dataset, after: Dataset, items: IntArray, metric: str, *, exclude: bool
) -> Question:
    histories = train.histories()
    seen = histories.weights() > 0
    users = train.users.join(after.events[Columns.USER])
    met = train.items.join(after.events[Columns.ITEM])
    known = (users >= 0) & (met >= 0)
    shape = (len(train.users), len(train.items))
    targets = csr_array((np.ones(known.sum()), (users[known], met[known])), shape=shape) > 0
    targets = csr_array(targets > targets.multiply(seen))
    targets.eliminate_zeros()
    asked = np.flatnonzero((np.diff(targets.indptr) > 0) & (np.diff(seen.indptr) > 0))
    of_asked = histories.of(asked)
    profiles = {name: of_asked.weights(half_life) for name, half_life in PROFILES.items()}
    hidden = csr_array(seen[asked]) if exclude else None
    return Question(
        train, profiles, csr_array(csr_array(targets[asked])[:, items]), hidden, items, metric
    )


@dataclass(frozen=True)
class Measure:
    """Makes the tables.

    Args:
        config: the tower's settings.
        seed: of everything random.
        cache: a folder for what the encoder says as it comes, which several parts ask for.
    """

    config: TextConfig
    seed: int
    cache: str

    def warm(self, question: Question) -> str:
        """Frozen and fine-tuned encoders."""
        rows = [*self._frozen(question), *self._tuned(question, all_tunings=True)]
        return _table(question.metric, rows, reference="frozen, centred")

    def cold(self, question: Question) -> str:
        """Items without a history: chance, category popularity, frozen, fine-tuned."""
        rows = [*_categories(question), *self._frozen(question)]
        rows += self._tuned(question, all_tunings=False)
        return _table(question.metric, rows, reference="frozen, centred")

    def precision(self, question: Question) -> str:
        """The encoder in fewer bits: seconds for the catalogue, and what it costs."""
        found: dict[str, tuple[float, np.ndarray]] = {}
        for name in ("float32", "bfloat16", "int8"):
            tower = self._new(steps=0, whitening=0.0, lexical=False, precision=name)
            texts = self._texts(tower, question)
            tower.encoder.encode(texts[:100])  # loads and quantises it
            started = time.perf_counter()
            encoded = tower.encoder.encode(texts)
            seconds = time.perf_counter() - started
            found[name] = seconds, question.per_user(Given(_centred(encoded)))
        slow, exact = found["float32"]
        rows = [
            [name, round(seconds, 1), round(slow / seconds, 2), _written(values),
             f"{values.mean() / exact.mean() - 1:+.2%}"]
            for name, (seconds, values) in found.items()
        ]  # fmt: skip
        header = ["precision", "seconds", "times faster", question.metric, "change"]
        note = f"the frozen encoder, centred; seconds for all {len(question.train.items):,} texts"
        return f"{markdown.table(header, rows)}\n\n{note}"

    def widths(self, question: Question) -> str:
        """Fewer dimensions: cut after learning, and learnt nested (Matryoshka)."""
        towers = [
            self._new(tuning="none", matryoshka_dims=nested).fit(question.data())
            for nested in ((), WIDTHS[1:])
        ]
        rows = []
        for width in WIDTHS:
            cells = []
            for tower in towers:
                cut = _unit(tower.item_embeddings[:, :width])
                asked = Given(cut, tower.projection.histories_of(cut))
                cells.append(_written(question.per_user(asked)))
            rows.append([width, *cells])
        table = markdown.table(["dimensions", "cut", "learnt nested"], rows)
        return f"{table}\n\n{question.metric}; the projection learnt, the encoder as it is"

    def _frozen(self, question: Question) -> Iterable[Row]:
        """The encoder as it comes, in every form that could be shipped."""
        started = time.perf_counter()
        tower = self._new(steps=0, cache_dir=self.cache).fit(question.data())
        seconds = time.perf_counter() - started
        whitened = question.per_user(tower)
        encoded = tower.encode(self._texts(tower, question))[:, : tower.encoder.dim]
        yield Row("frozen, plain", question.per_user(Given(encoded)))
        yield Row("frozen, centred", question.per_user(Given(_centred(encoded))))
        yield Row("frozen, whitened, with words' vectors", whitened, seconds)

    def _texts(self, tower: TextTower, question: Question) -> list[str]:
        data = question.data()
        reader = ItemTexts(tower.config.template, data.text_columns, data.attribute_columns)
        return [text or " " for text in reader.of(data.catalogue)]

    def _tuned(self, question: Question, *, all_tunings: bool) -> Iterable[Row]:
        """What fine-tuning makes of it."""
        chosen: dict[str, dict[str, object]] = {"fine-tuned, full": {"tuning": "full"}}
        if all_tunings:
            steps = LORA_STEPS * self.config.steps
            chosen |= {
                "fine-tuned, full, all layers": {"tuning": "full", "frozen_layers": 0},
                "fine-tuned, LoRA": {"tuning": "lora", "steps": steps},
                "projection alone": {"tuning": "none"},
            }
        for name, settings in chosen.items():
            tower = self._new(**settings)
            started = time.perf_counter()
            tower.fit(question.data())
            seconds = time.perf_counter() - started
            layers = tower.encoder.trained_parameters().values()
            maps = (value for value in tower.projection.parameters() if value.requires_grad)
            trained = sum(value.numel() for value in (*layers, *maps))
            yield Row(name, question.per_user(tower), seconds, trained)

    def _new(self, **settings: object) -> TextTower:
        return TextTower(self.config.model_copy(update=settings), self.seed, "cpu")


@dataclass(frozen=True)
class Row:
    """One model: its name, a value a user, seconds of its fit, and the numbers it learnt."""

    name: str
    values: np.ndarray
    seconds: float | None = None
    trained: int = 0


def _categories(question: Question) -> Iterable[Row]:
    """Chance, the popularity of the item's category, and the user's share of it."""
    random = np.random.default_rng(0)
    train = question.train
    n = len(train.items)
    users = next(iter(question.profiles.values())).shape[0]
    chance = min(1.0, 50 / question.items.size)
    yield Row("chance", np.full(users, chance))
    paths = train.catalogue.select(Columns.ITEM, pl.col("categories").str.split(" || "))
    long = paths.with_row_index("row").explode("categories").drop_nulls()
    codes = long["categories"].rank("dense").to_numpy().astype(np.int64) - 1
    shape = (n, int(codes.max()) + 1)
    inside = csr_array((np.ones(codes.size), (long["row"].to_numpy(), codes)), shape=shape)
    events = np.bincount(train.histories().items, minlength=n)
    popular = np.asarray(inside.T @ events)
    member = inside.toarray().astype(np.float32)
    of_item = (member * popular).max(axis=1)
    noise = 1e-6 * random.random((n, 1))
    score = (of_item[:, None] / of_item.max() + noise).astype(np.float32)
    ones = np.ones((n, 1), dtype=np.float32)
    yield Row("category popularity", question.per_user(Given(score, ones)))
    for name, weights in (("", np.ones_like(popular)), (" by its popularity", popular)):
        weighted = (member * (weights / weights.max()) + noise / 10).astype(np.float32)
        yield Row(f"user's own categories{name}", question.per_user(Given(weighted, member)))


def _table(metric: str, rows: list[Row], reference: str) -> str:
    base = next(row for row in rows if row.name == reference).values
    body = []
    for row in rows:
        lead = Estimate.of(row.values - base)
        sure = lead.value / lead.standard_error if lead.standard_error else 0.0
        body.append([row.name, _written(row.values), f"{row.values.mean() / base.mean():.2f}",
                     f"{sure:+.1f}", row.trained or None,
                     None if row.seconds is None else round(row.seconds, 1)])  # fmt: skip
    header = ["model", metric, f"× {reference}", "lead", "learnt", "seconds"]
    users = f"{base.size:,} users; lead in standard errors of the paired difference"
    return f"{markdown.table(header, body)}\n\n{users}"


def _unit(embeddings: FloatArray) -> FloatArray:
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(norms, 1e-6), dtype=np.float32)


def _centred(embeddings: FloatArray) -> FloatArray:
    return _unit(embeddings - embeddings.mean(axis=0))


def _written(values: np.ndarray) -> str:
    estimate = Estimate.of(values)
    return f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"


if __name__ == "__main__":
    main()
