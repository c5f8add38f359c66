"""Low-rank adapters in an encoder's layers, by peft."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from torch import nn

from hybridrec.errors import ConfigError
from hybridrec.towers.text.config import LoraConfig


def inject_adapters(model: nn.Module, layers: str, first: int, settings: LoraConfig) -> None:
    """Puts trainable low-rank adapters into the linear maps of a model, in place.

    Everything else in the model is frozen by it. As they begin, adapters change nothing.

    Args:
        model: an encoder.
        layers: the path of its list of layers, such as ``encoder.layer``; empty for all of the
            model's linear maps.
        first: the layers before this one get none.
        settings: rank, scale and dropout.

    Raises:
        ConfigError: peft is not installed.
    """
    if find_spec("peft") is None:
        raise ConfigError(
            "tuning: lora needs peft; pip install 'hybridrec[lora]', or use tuning: full"
        )
    from peft import LoraConfig as PeftConfig
    from peft import inject_adapter_in_model

    chosen = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if layers:
        depth = layers.count(".") + 1
        below = [name for name in chosen if name.startswith(f"{layers}.")]
        chosen = [name for name in below if int(name.split(".")[depth]) >= first]
    if not chosen:
        model.requires_grad_(False)
        return
    adapters: Any = PeftConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=chosen,
    )
    inject_adapter_in_model(adapters, model)
