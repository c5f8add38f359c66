"""What hopwise's KGIN wants of torch-scatter, which has no wheels on PyPI for torch 2.13."""

import torch


def scatter_mean(src: torch.Tensor, index: torch.Tensor, dim: int, dim_size: int) -> torch.Tensor:
    """Means of the rows of each group, ``(dim_size, width)``; 0 where a group has none.

    Args:
        src: ``(n_rows, width)``.
        index: ``(n_rows,)`` groups.
        dim: 0.
        dim_size: how many groups there are.
    """
    sums = src.new_zeros(dim_size, src.shape[1]).index_add(dim, index, src)
    return sums / torch.bincount(index, minlength=dim_size).clamp(min=1).unsqueeze(1)
