"""How learning rates move over a fit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, steps: int, warmup: float = 0.2) -> LambdaLR:
    """Rates that rise linearly to their setting, then fall to zero along a cosine.

    Args:
        optimizer: whose rates to move.
        steps: gradient steps of the whole fit.
        warmup: the share of them that the rise takes.
    """
    from torch.optim.lr_scheduler import LambdaLR

    rise = max(1.0, warmup * steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise if step + 1 < rise else 1.0
        return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(steps - rise, 1.0)))

    return LambdaLR(optimizer, factor)
