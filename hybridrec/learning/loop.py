"""The loop of every model that learns by gradient steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from hybridrec.arrays import NamedArrays
from hybridrec.errors import DivergedError
from hybridrec.learning.curves import LOSS
from hybridrec.learning.session import FitSession
from hybridrec.learning.stopping import EarlyStopping
from hybridrec.progress import track

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR


@dataclass(frozen=True)
class Validation:
    """How a model is measured while it learns.

    Args:
        measure: the metric as the model stands now, higher is better.
        every: gradient steps between two measurements.
        patience: measurements in a row without a new best after which learning ends.
        metric: what it is called in the curves.
    """

    measure: Callable[[], float]
    every: int
    patience: int
    metric: str = "validation"


def learn(
    loss: Callable[[int], Tensor],
    parameters: Mapping[str, Tensor],
    optimizer: Optimizer,
    schedule: LambdaLR,
    steps: int,
    session: FitSession,
    validation: Validation | None = None,
) -> int:
    """Takes gradient steps and leaves the parameters as they were where validation was best.

    A killed fit that is run again with its session goes on from the last checkpoint and comes out
    where it would have, provided that ``loss`` draws whatever is random from the step's number.

    Args:
        loss: the loss of a step, given its number from 0.
        parameters: what is learnt, by name; changed in place.
        optimizer: of these parameters.
        schedule: stepped once a gradient step.
        steps: how many at most.
        session: where losses are recorded and checkpoints kept.
        validation: the metric that picks the best step; without one the last step is the best.

    Returns:
        The number of steps after which the parameters were as they are left; 0 if no step made
        them better.

    Raises:
        DivergedError: the loss is no longer a number.
    """
    stopping = EarlyStopping(validation.patience if validation else steps)
    best: dict[str, Tensor] = {}
    done = 0
    found = session.resume()
    if found is not None:
        done = int(found["step"])
        stopping.restore(found["stopping"])
        _restore(found, parameters, optimizer, schedule)
        best = {
            name.removeprefix("best."): torch.from_numpy(value)
            for name, value in found.items()
            if name.startswith("best.")
        }
    elif validation is not None:
        stopping.better(0, validation.measure())
        session.record(0, {validation.metric: stopping.best_value})
        best = _copied(parameters)
    losses: list[float] = []
    for step in track(range(done, steps), session.model, steps - done):
        if stopping.exhausted:
            break
        value = loss(step)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        done = step + 1
        losses.append(value.item())
        if not math.isfinite(losses[-1]):
            raise DivergedError(
                f"{session.model}: the loss is {losses[-1]} after {done} steps; lower its "
                "learning_rate"
            )
        if validation is None:
            session.record(done, {LOSS: losses.pop()})
        elif done % validation.every == 0 or done == steps:
            metric = validation.measure()
            session.record(done, {LOSS: float(np.mean(losses)), validation.metric: metric})
            losses.clear()
            if stopping.better(done, metric):
                best = _copied(parameters)
        if session.checkpoint_due:
            session.checkpoint(_state(done, stopping, parameters, best, optimizer))
    if validation is None:
        return done
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(best[name])
    return stopping.best_step


def _copied(parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in parameters.items()}


def _state(
    done: int,
    stopping: EarlyStopping,
    parameters: Mapping[str, Tensor],
    best: Mapping[str, Tensor],
    optimizer: Optimizer,
) -> NamedArrays:
    tensors = {f"parameter.{name}": value for name, value in parameters.items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    for number, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{key}": value for key, value in state.items()}
    arrays: NamedArrays = {name: value.detach().cpu().numpy() for name, value in tensors.items()}
    return arrays | {"step": np.array(done), "stopping": stopping.state()}


def _restore(
    found: NamedArrays, parameters: Mapping[str, Tensor], optimizer: Optimizer, schedule: LambdaLR
) -> None:
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(torch.from_numpy(found[f"parameter.{name}"]))
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in found.items():
        if name.startswith("optimizer."):
            _, number, key = name.split(".", 2)
            states.setdefault(int(number), {})[key] = torch.from_numpy(value)
    groups = optimizer.state_dict()["param_groups"]
    schedule.last_epoch = int(found["step"])
    for group, rate, factor in zip(groups, schedule.base_lrs, schedule.lr_lambdas, strict=True):
        group["lr"] = rate * factor(schedule.last_epoch)
    optimizer.load_state_dict({"state": states, "param_groups": groups})
