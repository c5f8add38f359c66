"""Which source of candidates brings up what users chose."""

from __future__ import annotations

import numpy as np
import polars as pl

from hybridrec.evaluation.protocols import Question
from hybridrec.fusion.pairs import NONE
from hybridrec.fusion.pipeline import Fusion

BLOCK_USERS = 256
ALL = "all sources"


def candidate_recall(fusion: Fusion, question: Question) -> pl.DataFrame:
    """How much of what a test set asks for each source of candidates finds.

    What no source finds, no ranker can put first.

    Args:
        fusion: towers and rankers.
        question: users, and what they met in the test.

    Returns:
        ``source``, ``recall`` (share of what is asked for), ``alone`` (share that no other source
        finds) and ``candidates`` (mean over users), all sources together last.
    """
    found: dict[str, int] = {}
    alone: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for users in np.array_split(
        np.arange(question.users.size), -(-question.users.size // BLOCK_USERS)
    ):
        part, _ = question.of_users(users)
        rows = np.repeat(np.arange(users.size), np.diff(part.relevant.indptr))
        hits, everything = {}, np.zeros(part.relevant.shape, dtype=bool)
        for name, items in fusion.sources(part.histories, question.exclude):
            mask = np.zeros_like(everything)
            places = np.nonzero(items != NONE)
            mask[places[0], items[places]] = True
            hits[name] = mask[rows, part.relevant.indices]
            sizes[name] = sizes.get(name, 0) + int(mask.sum())
            everything |= mask
        times = np.sum(list(hits.values()), axis=0)
        hits[ALL] = times > 0
        sizes[ALL] = sizes.get(ALL, 0) + int(everything.sum())
        for name, hit in hits.items():
            found[name] = found.get(name, 0) + int(hit.sum())
            alone[name] = alone.get(name, 0) + int((hit & (times == 1)).sum())
    asked = question.relevant.nnz
    names = [name for name in found if name != ALL] + [ALL]
    return pl.DataFrame(
        {
            "source": names,
            "recall": [found[name] / asked for name in names],
            "alone": [None if name == ALL else alone[name] / asked for name in names],
            "candidates": [sizes[name] / question.users.size for name in names],
        }
    )
