"""A model of hopwise, which carries RecBole (Zhao et al., CIKM 2021) on for today's torch.

Trained by its own trainer for the epochs given.
"""

import logging
import os
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from exchange import Asked, answer
from hopwise.config import Config
from hopwise.data import create_dataset
from hopwise.data.utils import create_samplers, get_dataloader
from hopwise.sampler import KGSampler
from hopwise.utils import ModelType, get_model, get_trainer, init_seed


def write(asked: Asked, folder: Path) -> None:
    """The tables in atomic files: who met what, and what is known of each item."""
    place = folder / "peer"
    place.mkdir()
    met = asked.matrix().tocoo()
    inter = ["user_id:token\titem_id:token"]
    inter += [f"{user}\t{item}" for user, item in zip(met.row, met.col, strict=True)]
    (place / "peer.inter").write_text("\n".join(inter) + "\n")
    graph = ["head_id:token\trelation_id:token\ttail_id:token"]
    graph += [f"i{item}\tr{relation}\tt{thing}" for item, thing, relation in asked.links]
    (place / "peer.kg").write_text("\n".join(graph) + "\n")
    link = ["item_id:token\tentity_id:token"]
    link += [f"{item}\ti{item}" for item in np.unique(asked.links[:, 0])]
    (place / "peer.link").write_text("\n".join(link) + "\n")


def fit(asked: Asked) -> Any:
    """A fitted model's scores."""
    folder = Path(sys.argv[1]).resolve()
    write(asked, folder)
    os.chdir(folder)  # where logs are left
    logging.disable(logging.INFO)
    torch.set_num_threads(asked.sizes["threads"])
    settings = dict(asked.settings)
    model_name = settings.pop("model")
    config = Config(
        model=model_name,
        dataset="peer",
        config_dict={
            **settings,
            "data_path": str(folder),
            "seed": asked.sizes["seed"],
            "use_gpu": False,
            "show_progress": False,
            "eval_args": {"split": {"RS": [1.0, 0.0, 0.0]}, "order": "RO", "mode": "full"},
        },
    )
    init_seed(config["seed"], config["reproducibility"])
    data = create_dataset(config)
    built = data.build()
    sampler = create_samplers(config, data, built)[0]
    loader = get_dataloader(config, "train")
    if config["MODEL_TYPE"] == ModelType.KNOWLEDGE:
        of_graph = KGSampler(data, "uniform", 1.0)
        train = loader(config, built[0], sampler, of_graph, shuffle=True)
    else:
        train = loader(config, built[0], sampler, shuffle=True)
    model = get_model(model_name)(config, built[0]).to(config["device"])
    trainer = get_trainer(config["MODEL_TYPE"], model_name)(config, model)
    # without a validation part fit ends, all epochs done, in an error of its last lines (0.9.1)
    with suppress(UnboundLocalError):
        trainer.fit(train, valid_data=None, saved=False, show_progress=False)
    if len(trainer.train_loss_dict) < config["epochs"]:
        raise RuntimeError(f"{len(trainer.train_loss_dict)} of {config['epochs']} epochs")
    model.eval()
    n_items = asked.sizes["n_items"]
    tokens = data.field2id_token
    user_of = {int(t): n for n, t in enumerate(tokens["user_id"]) if n}
    known = np.array([int(t) for t in tokens["item_id"][1 : data.item_num]])

    @torch.no_grad()
    def scores(rows: Any) -> Any:
        given = np.full((len(rows), n_items), -np.inf)
        at = [n for n, user in enumerate(rows) if int(user) in user_of]
        users = torch.tensor([user_of[int(rows[n])] for n in at])
        found = model.full_sort_predict({"user_id": users}).view(len(at), -1)
        given[np.ix_(at, known)] = found[:, 1 : data.item_num].numpy()
        return given

    return scores


answer(Path(sys.argv[1]), fit, f"hopwise {version('hopwise')}")
