"""Item-kNN of LensKit for implicit feedback."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from exchange import Asked, answer
from lenskit.data import ItemList, RecQuery, from_interactions_df
from lenskit.knn import ItemKNNScorer
from lenskit.training import TrainingOptions


def fit(asked: Asked) -> Any:
    """A fitted model's scores."""
    met = asked.matrix().tocoo()
    frame = pd.DataFrame({"user_id": met.row, "item_id": met.col})
    data = from_interactions_df(frame)
    model = ItemKNNScorer(feedback="implicit", **asked.settings)
    model.train(data, TrainingOptions(rng=asked.sizes["seed"]))
    n_items, rows_of = asked.sizes["n_items"], asked.matrix()
    every = ItemList(item_ids=np.arange(n_items))

    def scores(rows: Any) -> Any:
        given = np.full((len(rows), n_items), -np.inf)
        for place, user in enumerate(rows):
            query = RecQuery(user_id=int(user), user_items=ItemList(item_ids=rows_of[user].indices))
            found = model(query, every).scores()
            given[place] = np.nan_to_num(found, nan=-np.inf)
        return given

    return scores


answer(Path(sys.argv[1]), fit, f"lenskit {version('lenskit')}")
