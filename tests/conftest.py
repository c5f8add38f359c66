"""A small shop made up from a seed, and a BERT encoder of a few kilobytes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import settings

from hybridrec import Recommender
from hybridrec.data import Dataset
from hybridrec.towers.base import TrainingData
from kg import KnowledgeGraph

settings.register_profile("repeatable", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("repeatable")

FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
CLUSTER_WORDS = (
    ("garden", "rose", "spade"),
    ("coffee", "roast", "bean"),
    ("running", "shoe", "trail"),
    ("puzzle", "board", "dice"),
)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """On data this small threads wait for each other longer than they work."""
    import torch

    torch.set_num_threads(1)


@dataclass(frozen=True)
class MadeShop:
    """Users and items in taste clusters: most of what a user meets is of the user's own."""

    events: pl.DataFrame
    catalogue: pl.DataFrame
    cluster_of_user: npt.NDArray[np.int64]
    cluster_of_item: npt.NDArray[np.int64]


def _made_shop(
    seed: int = 0,
    users: int = 60,
    items: int = 64,
    events_per_user: int = 16,
    days: int = 120,
    loyalty: float = 0.85,
) -> MadeShop:
    random = np.random.default_rng(seed)
    clusters = len(CLUSTER_WORDS)
    of_user, of_item = np.arange(users) % clusters, np.arange(items) % clusters
    rows = []
    for user in range(users):
        own = np.flatnonzero(of_item == of_user[user])
        for _ in range(events_per_user):
            shelf = own if random.random() < loyalty else np.arange(items)
            moment = FIRST_DAY + timedelta(seconds=int(random.integers(days * 86_400)))
            rows.append((f"u{user:02}", f"i{random.choice(shelf):02}", moment))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    words = [random.permutation(CLUSTER_WORDS[cluster]) for cluster in of_item]
    catalogue = pl.DataFrame(
        {
            "item_id": [f"i{item:02}" for item in range(items)],
            "title": [f"{words[item][0]} {words[item][1]} {item}" for item in range(items)],
            "description": [f"a {words[item][2]} for everyone" for item in range(items)],
            "category": [f"Hall {c // 2} > Shelf {c}" for c in of_item],
            "brand": [f"Brand {random.integers(6)}" for _ in range(items)],
            "price": random.integers(100, 900, items) / 100,
        }
    )
    return MadeShop(events, catalogue, of_user, of_item)


@pytest.fixture(scope="session")
def make_shop() -> Callable[..., MadeShop]:
    """Makes small shops: users and items in four taste clusters, numbered in turn."""
    return _made_shop


@pytest.fixture(scope="session")
def made_shop() -> MadeShop:
    """60 users, 64 items, 960 events over 120 days."""
    return _made_shop()


@pytest.fixture(scope="session")
def dataset(made_shop: MadeShop) -> Dataset:
    """The small shop as a dataset."""
    return Dataset.from_frames(made_shop.events, made_shop.catalogue)


@pytest.fixture(scope="session")
def shop_graph(made_shop: MadeShop) -> KnowledgeGraph:
    """The small shop's knowledge graph: brands and categories."""
    return KnowledgeGraph.from_catalogue(
        made_shop.catalogue.drop("description"), attributes=["category", "brand"]
    )


@pytest.fixture(scope="session")
def training_data(dataset: Dataset, shop_graph: KnowledgeGraph) -> TrainingData:
    """What a tower learns from in the small shop."""
    return TrainingData(dataset.histories(), dataset.catalogue, shop_graph)


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a random BERT (2 layers, width 32) and a WordPiece tokenizer.

    The words of the small shop have numbers above 5,000, as words of real vocabularies do.
    """
    import torch
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*LETTERS, *(f"##{letter}" for letter in LETTERS)]
    filler = [f"[unused{n}]" for n in range(5_000)]
    words = [word for cluster in CLUSTER_WORDS for word in cluster] + ["for", "everyone", "."]
    vocabulary = {
        piece: number for number, piece in enumerate([*special, *pieces, *filler, *words])
    }
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    directory = tmp_path_factory.mktemp("tiny-encoder")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(directory)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(
            BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
                initializer_range=0.3,
            )
        )
    model.save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def recommender(dataset: Dataset, tiny_encoder: Path) -> Recommender:
    """All three towers and both rankers, fitted on the small shop."""
    settings = {
        "device": "cpu",
        "towers": {
            "collaborative": {"embedding_dim": 8},
            "graph": {"embedding_dim": 16, "steps": 30},
            "text": {
                "encoder": str(tiny_encoder),
                "frozen_layers": 1,
                "steps": 20,
                "batch_size": 16,
                "pair_min_count": 1,
            },
        },
        "ranker": {"epochs": 8},
    }
    return Recommender.from_config(settings).fit(dataset)
