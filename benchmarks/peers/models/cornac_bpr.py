"""BPR of cornac (Rendle et al., UAI 2009)."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cornac.data import Dataset
from cornac.models import BPR
from exchange import Asked, answer


def fit(asked: Asked) -> Any:
    """A fitted model's scores."""
    met = asked.matrix().tocoo()
    data = Dataset(
        asked.sizes["n_users"],
        asked.sizes["n_items"],
        {user: user for user in range(asked.sizes["n_users"])},
        {item: item for item in range(asked.sizes["n_items"])},
        (met.row, met.col, met.data),
        seed=asked.sizes["seed"],
    )
    model = BPR(seed=asked.sizes["seed"], num_threads=asked.sizes["threads"], **asked.settings)
    model.fit(data)
    return lambda rows: model.u_factors[rows] @ model.i_factors.T + model.i_biases


answer(Path(sys.argv[1]), fit, f"cornac {version('cornac')}")
