"""LightFM (Kula 2015) with the WARP loss; items known by their attributes too where asked."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from exchange import Asked, answer
from lightfm import LightFM


def fit(asked: Asked) -> Any:
    """A fitted model's scores."""
    settings = dict(asked.settings)
    features = asked.features() if settings.pop("attributes") else None
    epochs = settings.pop("epochs")
    model = LightFM(loss="warp", random_state=asked.sizes["seed"], **settings)
    threads = asked.sizes["threads"]
    model.fit(asked.matrix().tocoo(), item_features=features, epochs=epochs, num_threads=threads)
    item_biases, items = model.get_item_representations(features)
    _, users = model.get_user_representations()
    return lambda rows: users[rows] @ items.T + item_biases


answer(Path(sys.argv[1]), fit, f"lightfm-next {version('lightfm-next')}")
