"""A small shop whose graph can be checked by hand."""

import polars as pl
import pytest

from kg import KnowledgeGraph

ATTRIBUTES = ["brand", "category", "tags", "package_size", "price", "supplier_id"]


@pytest.fixture(scope="session")
def catalogue() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [101, 102, 103, 104],
            "title": ["Cola", "Water", "Face cream", None],
            "brand": ["Acme", "Acme ", "Bloom", " "],
            "category": [
                "Food > Drinks",
                "Food > Drinks || Health > Drinks",
                "Beauty > Face",
                None,
            ],
            "tags": [["sweet", "cold"], ["cold"], [], None],
            "package_size": ["12 OZ", "1 LB", "50 ML", "assorted"],
            "price": [1.0, 2.0, 3.0, None],
            "supplier_id": [7, 7, 8, None],
        }
    )


@pytest.fixture(scope="session")
def triples() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "head": ["101", "103", "c1"],
            "relation": ["coupon", "coupon", "campaign"],
            "tail": ["c1", " c1", "spring"],
            "head_type": [None, None, "coupon"],
            "tail_type": ["coupon", "coupon", "campaign"],
            "tail_name": ["Two for one", "Two for one", None],
        }
    )


@pytest.fixture(scope="session")
def shop(catalogue: pl.DataFrame, triples: pl.DataFrame) -> KnowledgeGraph:
    return KnowledgeGraph.from_catalogue(catalogue, attributes=ATTRIBUTES, triples=triples)
