"""How exactly an encoder computes: what the hardware is good at, and quantised copies."""

from __future__ import annotations

import copy
import warnings
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch
from torch import nn

from hybridrec.towers.text.config import Precision

M = TypeVar("M", bound=nn.Module)


def native_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 natively.

    GPUs do since Ampere, CPUs with AVX512-BF16 or AMX. Elsewhere it is emulated, which is slower
    than float32.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # private names of torch, absent from some builds
    asked = (
        getattr(torch.cpu, name, None)
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    )
    return any(ask() for ask in asked if ask is not None)


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which an encoder computes, and learns."""
    if precision == "float32" or (precision != "bfloat16" and not native_bfloat16(device)):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def quantised(model: M) -> M:
    """A copy whose linear maps multiply 8-bit integers: weights by output, inputs as they come.

    On CPUs alone. What narrows the first and the last layer's feed-forward part stays in float32:
    a few of its inputs are so large that the others would be rounded to nothing (Bondarenko et al.,
    "Understanding and Overcoming the Challenges of Efficient Transformer Quantization", 2021).
    """
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    linear = {name: part for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    narrowing = [name for name, part in linear.items() if part.in_features > part.out_features]
    chosen = {
        name: per_channel_dynamic_qconfig
        for name in linear
        if name not in (*narrowing[:1], *narrowing[-1:])
    }
    with warnings.catch_warnings():
        # torch means to move this to torchao, which brings no faster kernels for CPUs
        warnings.simplefilter("ignore")
        made: M = quantize_dynamic(  # type: ignore[no-untyped-call]
            copy.deepcopy(model), chosen, inplace=True
        )
    return made
