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
    return any(map(_supported, ("_is_avx512_bf16_supported", "_is_amx_tile_supported")))


def computing(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    """The context in which an encoder computes, and learns."""
    if precision == "float32" or (precision != "bfloat16" and not native_bfloat16(device)):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def quantised(model: M) -> M:
    """A copy whose linear maps multiply 8-bit integers: weights by output, inputs as they come.

    On CPUs alone. Those that sum products of 8-bit integers natively (VNNI) give inputs all 8 bits,
    others 7, as torch does everywhere: sums of larger products overflow there.
    """
    from torch.ao.nn.quantized.dynamic import Linear
    from torch.ao.quantization import per_channel_dynamic_qconfig, quantize_dynamic

    with warnings.catch_warnings():
        # torch means to move this to torchao, which brings no faster kernels for CPUs
        warnings.simplefilter("ignore")
        made: M = quantize_dynamic(  # type: ignore[no-untyped-call]
            copy.deepcopy(model), {nn.Linear: per_channel_dynamic_qconfig}, inplace=True
        )
    if _supported("_is_vnni_supported"):
        for part in made.modules():
            if isinstance(part, Linear):
                part.version = 3  # the last format whose inputs have 8 bits
    return made


def _supported(name: str) -> bool:
    """What torch says of the CPU by a private name, absent from some builds."""
    ask = getattr(torch.cpu, name, None)
    return ask is not None and bool(ask())
