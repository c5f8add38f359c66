"""A resumable search for better settings, by Optuna."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path

import optuna
import polars as pl
from optuna import Study, Trial
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import TrialState
from sqlalchemy.exc import DatabaseError

from hybridrec.config import RecommenderConfig
from hybridrec.data import Dataset
from hybridrec.errors import ConfigError, HybridrecError
from hybridrec.progress import counter
from hybridrec.training import fingerprint
from hybridrec.tuning.space import SearchSpace, changed
from hybridrec.tuning.trials import Part, measure

STARTUP_TRIALS = 8
"""Trials drawn at random before any is judged by those before it."""
FINGERPRINT, METRIC, ERROR = "fingerprint", "metric", "error"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Search:
    """What a search has come to.

    Args:
        study: Optuna's own record, for the rest of its toolbox.
        base: the settings that were varied.
    """

    study: Study
    base: RecommenderConfig

    @property
    def metric(self) -> str:
        """What was measured."""
        return str(self.study.user_attrs[METRIC])

    @property
    def best(self) -> RecommenderConfig:
        """The settings of the best trial."""
        return changed(self.base, self.study.best_params)

    def to_polars(self) -> pl.DataFrame:
        """A row a trial: ``trial``, ``state``, ``value``, ``seconds``, and every field varied."""
        rows = [
            {
                "trial": trial.number,
                "state": trial.state.name.lower(),
                "value": trial.value,
                "seconds": trial.duration.total_seconds() if trial.duration else None,
                **trial.params,
            }
            for trial in self.study.trials
        ]
        return pl.DataFrame(rows, infer_schema_length=None, strict=False)

    def importances(self) -> dict[str, float]:
        """How much each field matters to being among the best; they sum to 1, greatest first.

        By PED-ANOVA (Watanabe et al., IJCAI 2023); empty before there are trials to tell.
        """
        try:
            found = get_param_importances(self.study, evaluator=PedAnovaImportanceEvaluator())
        except (RuntimeError, ValueError):
            return {}
        return dict(found)


def tune(
    data: Dataset,
    space: SearchSpace,
    file: str | Path,
    trials: int,
    *,
    base: RecommenderConfig | None = None,
    part: Part = "fusion",
) -> Search:
    """Tries settings until the study holds as many trials as asked for.

    Trials are drawn by TPE (Bergstra et al. 2011). Those of a single tower that lag behind the
    median of the trials before them are ended early. The study is kept in SQLite: a search that
    was killed, called again, tries its last settings anew and goes on. One process a study.

    Args:
        data: all events that may be seen; those of a test are split off before.
        space: what may vary.
        file: the SQLite file of the study; made if missing.
        trials: how many trials the study is to hold, earlier ones included.
        base: the settings that are varied; the defaults when ``None``.
        part: the tower that is measured, or ``fusion`` for the whole recommender.

    Raises:
        ConfigError: the space does not fit the settings, the file holds a study of something else,
            or no trial could be measured.
    """
    base = base or RecommenderConfig()
    space.check(base)
    study = _study(Path(file), _identity(data, space, base, part), base)
    finished = sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
    for trial in study.get_trials(deepcopy=False):
        if trial.state is TrialState.RUNNING:  # killed, and tried anew
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)

    def objective(trial: Trial) -> float:
        config = changed(base, space.suggest(trial))
        earlier = _measured_before(study, trial)
        if earlier is not None:
            return earlier
        steps = iter(range(1_000_000))

        def report(value: float) -> None:
            trial.report(value, next(steps))
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            return measure(data, config, part, report)
        except HybridrecError as error:
            trial.set_user_attr(ERROR, str(error))
            logger.warning("trial %d failed: %s", trial.number, error)
            raise

    missing = trials - finished
    with counter(f"tuning {part}", max(missing, 0)) as advance:
        study.optimize(
            objective,
            n_trials=max(missing, 0),
            catch=(HybridrecError,),
            callbacks=[lambda *_: advance()],
        )
    if not study.get_trials(states=[TrialState.COMPLETE]):
        errors = [trial.user_attrs[ERROR] for trial in study.trials if ERROR in trial.user_attrs]
        last = f"; the last error: {errors[-1]}" if errors else ""
        raise ConfigError(f"no trial of {file} could be measured{last}")
    return Search(study, base)


def _study(file: Path, identity: str, base: RecommenderConfig) -> Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    except DatabaseError as error:
        raise ConfigError(f"{file} is no SQLite file of a study: {error.__cause__}") from error
    study = optuna.create_study(
        storage=storage, study_name="hybridrec", direction="maximize", load_if_exists=True
    )
    # with the same seed a search that goes on would draw the same trials again
    study.sampler = optuna.samplers.TPESampler(
        n_startup_trials=STARTUP_TRIALS, seed=base.seed + len(study.trials), multivariate=True
    )
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS)
    if study.user_attrs.setdefault(FINGERPRINT, identity) != identity:
        raise ConfigError(
            f"{file} holds a study of other data, settings, space or part; give another file"
        )
    study.set_user_attr(FINGERPRINT, identity)
    study.set_user_attr(METRIC, base.validation.metric)
    return study


def _identity(data: Dataset, space: SearchSpace, base: RecommenderConfig, part: Part) -> str:
    """What the trials of a study have in common."""
    parts = f"{fingerprint(data, base)}\n{space.to_yaml()}\n{part}"
    return hashlib.sha256(parts.encode()).hexdigest()


def _measured_before(study: Study, trial: Trial) -> float | None:
    """The value of an earlier trial with the same settings."""
    same = (
        earlier.value
        for earlier in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if earlier.params == trial.params
    )
    return next(same, None)
