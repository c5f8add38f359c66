"""SASRec of RecTools (Kang and McAuley, ICDM 2018) with softmax over all items."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from exchange import Asked, answer
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


def fit(asked: Asked) -> Any:
    """A fitted model's scores."""
    torch.manual_seed(asked.sizes["seed"])
    torch.set_num_threads(asked.sizes["threads"])
    start = pd.Timestamp("2000-01-01")
    frame = pd.DataFrame(
        {
            Columns.User: asked.users,
            Columns.Item: asked.items,
            Columns.Weight: 1.0,
            # order within a user is the order of the rows, whatever the times
            Columns.Datetime: start + pd.to_timedelta(np.arange(asked.users.size), unit="s"),
        }
    )
    data = Dataset.construct(frame)
    model = SASRecModel(deterministic=True, verbose=0, **asked.settings)
    model.fit(data)
    n_items = asked.sizes["n_items"]

    def scores(rows: Any) -> Any:
        found = model.recommend(
            rows, data, k=4 * asked.sizes["k"], filter_viewed=asked.exclude == "seen"
        )
        given = np.full((len(rows), n_items), -np.inf)
        place = {user: at for at, user in enumerate(rows)}
        given[found[Columns.User].map(place), found[Columns.Item]] = found[Columns.Score]
        return given

    return scores


answer(Path(sys.argv[1]), fit, f"rectools {version('rectools')}")
