"""Mentions linked to entities."""

import random
import string

import polars as pl
import pytest
from rapidfuzz.distance import OSA

from kg import KnowledgeGraph, UnknownEntityError
from kg.linking import EntityLinker, LinkRequestError
from kg.text import may_be_misspelt


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.from_catalogue(
        pl.DataFrame(
            {
                "item_id": [1, 2, 3, 4],
                "title": ["红色口红", "Running Shoes Max 90", "Red lipstick", "nike"],
                "brand": ["耐克", "Nike", "L'Oréal Paris", "Red"],
                "colour": ["red", "red", "blue", None],
                "category": ["Beauty > Makeup"] * 4,
            }
        )
    )


@pytest.fixture(scope="module")
def linker(graph: KnowledgeGraph) -> EntityLinker:
    return EntityLinker(graph, {"爱耐克": "耐克", "the swoosh": ("brand", "Nike")})


@pytest.mark.parametrize(
    ("mention", "name", "how"),
    [
        ("Nike", "Nike", "exact"),
        ("Beauty > Makeup", "Makeup", "exact"),
        ("NIKÉ!", "nike", "normalised"),
        ("beauty/makeup", "Makeup", "normalised"),
        ("耐 克", "耐克", "normalised"),
        ("爱耐克", "耐克", "alias"),
        ("The Swoosh", "Nike", "alias"),
        ("Loreal paris", "L'Oréal Paris", "fuzzy"),
        ("lipstik red", "Red lipstick", "fuzzy"),
        ("shoes runnign max 90", "Running Shoes Max 90", "fuzzy"),
    ],
)
def test_every_way_of_writing_is_found(linker, mention, name, how):
    best = linker.link(mention)[0]
    assert (best.name, best.how) == (name, how)


@pytest.mark.parametrize(
    "mention", ["", " ", "!?", "mike", "rad", "耐吉", "Running Shoes Max 91", "1", "Adidas"]
)
def test_what_is_another_word_is_no_link(linker, mention):
    assert linker.link(mention) == []


def test_all_of_one_name_are_found_the_surer_and_better_known_first(linker):
    found = [(link.type, link.how) for link in linker.link("red")]
    assert found == [("colour", "exact"), ("brand", "normalised")]
    # Of two that score the same, the brand has no more triples than the item: then by type.
    assert [link.type for link in linker.link("NIKE")] == ["item", "brand"]
    assert [link.type for link in linker.link("red", k=1)] == ["colour"]
    assert [link.type for link in linker.link("red", types=["brand"])] == ["brand"]
    assert linker.link("lipstik red", min_score=0.95) == []


def test_many_mentions_keep_their_places(linker):
    found = linker.link_many(["red", None, "", "Adidas", "red", "nike"], k=1)
    assert found["row"].to_list() == [0, 4, 5]
    assert found["how"].to_list() == ["exact"] * 3
    assert linker.link_many([]).columns == found.columns


def test_many_agree_with_one_and_with_comparing_all():
    chance = random.Random(0)
    words = [
        "".join(chance.choices(string.ascii_lowercase[:6], k=k)) for k in range(3, 13) for _ in "ab"
    ]
    brands = [" ".join(chance.sample(words, chance.randint(1, 3))) for _ in range(80)]
    graph = KnowledgeGraph.from_catalogue(
        pl.DataFrame({"item_id": range(80), "brand": brands}), name=None, attributes=["brand"]
    )
    linker = EntityLinker(graph, types=["brand"])
    known = graph.entities.filter(pl.col("type") == "brand").select("entity", "name").rows()
    mentions = []
    for brand in brands:
        letters = list(brand)
        for _ in range(chance.randint(1, 2)):
            letters[chance.randrange(len(letters))] = chance.choice(string.ascii_lowercase[:6])
        written = "".join(letters).split()
        chance.shuffle(written)
        mentions.append(chance.choice((" ", "")).join(written))
    found = linker.link_many(mentions, k=100, min_score=0.0)
    for row, mention in enumerate(mentions):
        links = linker.link(mention, k=100, min_score=0.0)
        assert [link.entity for link in links] == found.filter(pl.col("row") == row)[
            "entity"
        ].to_list()
        expected = {entity for entity, name in known if name == mention} or {
            entity for entity, name in known if _alike(mention, name)
        }
        assert {link.entity for link in links} == expected
    assert found.filter(pl.col("how") == "fuzzy").height > 20


def _alike(mention: str, name: str) -> bool:
    if min(len(mention), len(name)) < 5:
        return False
    if mention.replace(" ", "") == name.replace(" ", ""):
        return True
    readings = [(mention, name)]
    if " " in mention and " " in name:
        readings.append((" ".join(sorted(mention.split())), " ".join(sorted(name.split()))))
    return any(
        (apart := OSA.distance(one, other)) <= 2 and may_be_misspelt(one, other, apart)
        for one, other in readings
    )


def test_mentions_in_a_text_are_whole_words_and_the_longest(linker):
    text = "Red NIKE runing shoes max 90 by (L'Oréal) Paris, reddish"
    found = linker.mentions(text)
    assert [(text[m.start : m.end], m.links[0].name) for m in found] == [
        ("Red", "Red"),
        ("NIKE", "nike"),
        ("runing shoes max 90", "Running Shoes Max 90"),
        ("L'Oréal) Paris", "L'Oréal Paris"),
    ]
    chinese = "我要买红色口红耐克的"
    found = linker.mentions(chinese)
    assert [chinese[m.start : m.end] for m in found] == ["红色口红", "耐克"]
    assert linker.mentions("") == linker.mentions("size 42, please") == []


def test_bad_requests(graph, linker):
    with pytest.raises(UnknownEntityError, match="nothing called 'Adidas'"):
        EntityLinker(graph, {"three stripes": "Adidas"})
    with pytest.raises(UnknownEntityError, match="no brand with key 'Adidas'"):
        EntityLinker(graph, {"three stripes": ("brand", "Adidas")})
    with pytest.raises(UnknownEntityError, match="no entities of type 'shop'"):
        linker.link("red", types=["shop"])
    with pytest.raises(LinkRequestError, match="k is 0"):
        linker.link("red", k=0)
    with pytest.raises(LinkRequestError, match="min_score is 2"):
        linker.link("red", min_score=2)
