"""The face of the library: holds the parts together, contains no mathematics."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from hybridrec import training
from hybridrec.config import Exclude, RecommenderConfig
from hybridrec.data import Dataset, Histories
from hybridrec.data.identifiers import ids_column
from hybridrec.data.new_items import read_new_items
from hybridrec.errors import (
    NotFittedError,
    RequestError,
    UnknownItemError,
    UnknownUserError,
    examples,
)
from hybridrec.fusion.newcomers import Newcomers, candidate_blocks
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.policy import Policy, place, rules_of
from hybridrec.latest_candidates import LatestCandidates
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.curves import Curves
from hybridrec.progress import stage
from hybridrec.recommendations import (
    Recommendation,
    Recommendations,
    checked_k,
    ranked_rows,
)
from hybridrec.shop import Shop

if TYPE_CHECKING:
    from hybridrec.drift.config import DriftConfig, SegmentsConfig
    from hybridrec.drift.report import DriftReport
    from hybridrec.drift.segments import Segments
    from hybridrec.evaluation.reliability import Reliability
    from hybridrec.explain.explanation import Explanation
    from hybridrec.fusion.signals.declaration import Signal
    from hybridrec.report import Report
    from hybridrec.report.config import ReportConfig


class Recommender:
    """Recommendations with reasons, from three towers and a learned ranker.

    Args:
        config: all settings; the defaults suit a shop where people buy again.
        signals: the shop's own, which the ranker learns from beside the library's.
    """

    def __init__(
        self, config: RecommenderConfig | None = None, *, signals: Sequence[Signal] = ()
    ) -> None:
        self.config = config or RecommenderConfig()
        self._signals = tuple(signals)
        self._fusion: Fusion | None = None
        self._shop: Shop | None = None
        self._latest = LatestCandidates()
        self._curves = Curves()

    @classmethod
    def from_config(
        cls, config: str | Path | Mapping[str, Any], *, signals: Sequence[Signal] = ()
    ) -> Self:
        """A recommender with settings from a YAML file or nested dictionaries.

        Args:
            config: the file, or the settings; what is not named keeps its default.
            signals: the shop's own.

        Raises:
            ConfigError: no such file, an unknown key or a value out of range.
        """
        if isinstance(config, Mapping):
            return cls(RecommenderConfig.from_mapping(config), signals=signals)
        return cls(RecommenderConfig.from_yaml(config), signals=signals)

    @classmethod
    def of(cls, config: RecommenderConfig, fusion: Fusion, shop: Shop, curves: Curves) -> Self:
        """A recommender from parts that are fitted already."""
        recommender = cls(config, signals=fusion.extra_signals)
        recommender._fusion = fusion
        recommender._take(shop)
        recommender._curves = curves
        return recommender

    def fit(
        self,
        data: Dataset,
        *,
        checkpoints: str | Path | None = None,
        tensorboard: str | Path | None = None,
    ) -> Self:
        """Learns towers and rankers from events and catalogue.

        Args:
            data: the shop's tables.
            checkpoints: a directory to keep the fit in as it goes. A fit that was killed, called
                again with the same data, settings and directory, goes on where it was. The
                directory may be deleted once the recommender is saved. What the ranker learns
                from waits there while the towers learn, 1.4 GB of 22,000 users; without a
                directory, in the system's temporary folder.
            tensorboard: a folder to send the training curves to as well.

        Raises:
            DataError: too few events to learn from.
            ArtifactError: ``checkpoints`` holds something else, or another fit, or has no room.
            NotEnoughMemoryError: a tower would need more than there is; says what lowers it.
            ConfigError: ``tensorboard`` is given and not installed.
        """
        curves = Curves(None if tensorboard is None else Path(tensorboard))
        kept = None
        if checkpoints is not None:
            fingerprint = training.fingerprint(data, self.config, self._signals)
            kept = Checkpoints.open(checkpoints, fingerprint)
        try:
            with stage("fit"):
                fitted = training.fit(data, self.config, curves, kept, self._signals)
        finally:
            curves.close()
        self._fusion = fitted.fusion
        self._take(Shop.of(data, fitted.histories, fitted.graph))
        self._curves = curves
        return self

    def recommend(
        self,
        users: Hashable | Sequence[Hashable] | None = None,
        *,
        history: Sequence[Hashable] | None = None,
        attributes: Mapping[str, Any] | None = None,
        k: int = 10,
        exclude: Exclude | None = None,
        where: str | None = None,
        caps: Mapping[str, int] | None = None,
        diversity: float = 0.0,
        allow: Sequence[Hashable] | None = None,
        deny: Sequence[Hashable] | None = None,
        policy: Policy | str | Path | None = None,
        at: datetime | date | None = None,
        explain: bool = False,
    ) -> Recommendations:
        """The best items for each user.

        Args:
            users: one user id or a list of them; or
            history: the items a visitor met, oldest first, all just now; or
            attributes: what is known of a visitor of whom nothing else is, ``{"age": "25-34"}``:
                the visitor gets what is popular among users who share it, and so do users who
                have a row in the table of users and no event.
            k: how many items a user gets; fewer where rules leave fewer, or fewer are candidates
                (``candidates.per_source`` of each source).
            exclude: ``seen`` leaves out what the user has met; ``none`` nothing; the config's
                setting when ``None``.
            where: a condition over catalogue columns, ``"price < 5 and brand != 'X'"``.
            caps: for catalogue columns how often one value may stand in a list, ``{"brand": 2}``.
            diversity: 0 (relevance alone) to 1: how much likeness to items above costs.
            allow: the only items that may be shown.
            deny: items that are never shown.
            policy: the shop's rules, or their YAML file; holds together with the arguments above.
            at: the moment that the policy's dates are compared with, now when ``None``, and those
                of items, which are looked at where it or a policy is given.
            explain: whether each recommendation carries its explanation.

        Raises:
            UnknownUserError: a user the recommender was not fitted on.
            UnknownItemError: an item of ``history`` or of a rule that the catalogue lacks.
            RequestError: neither or both of users and history, ``k`` below 1 or above the
                catalogue, a rule that cannot be applied, or rules that contradict each other.
            ConfigError: a policy file that cannot be read.
        """
        shop = self._fitted_shop
        question = self.config.question(exclude)
        k = checked_k(k, len(shop.items))
        rules = rules_of(
            policy, shop.catalogue, shop.items, k=k, at=at,
            where=where, caps=caps, diversity=diversity, allow=allow, deny=deny,
        )  # fmt: skip
        ids, histories, newcomers = self._histories(users, history, attributes)
        fusion, rows = self._fitted_fusion, list[Recommendation]()
        for block, candidates in candidate_blocks(
            fusion, histories, question, rules.allowed, rules.include, newcomers
        ):
            unruled = rules.allowed is None and rules.include is None
            if len(ids) == 1 and ids[0] is not None and unruled:
                self._latest.keep(shop, ids[0], question, candidates)
            for user, user_id in enumerate(ids[row] for row in block):
                placed = place(rules, fusion, candidates, user, user_id, question, k)
                reasons = None
                if explain:
                    from hybridrec.explain.explaining import explain_placed

                    reasons = explain_placed(
                        fusion, shop, candidates, user, placed, user_id, question, k
                    )
                own, likely = candidates.pairs.of(user), candidates.probabilities
                items = candidates.pairs.items[own][placed.places]
                probabilities = None if likely is None else likely[own][placed.places]
                rows += ranked_rows(user_id, shop.items, items, placed, reasons, probabilities)
        return Recommendations(rows)

    def explain(
        self,
        user: Hashable | None = None,
        item: Hashable = None,
        *,
        history: Sequence[Hashable] | None = None,
        exclude: Exclude | None = None,
        k: int = 10,
    ) -> Explanation:
        """Why an item has the score it has for a user.

        Soon after :meth:`recommend` was asked for that user alone, without rules that leave items
        out, what it found is taken as it is, which saves the ranking.

        Args:
            user: the user id; or
            history: the items a visitor met, oldest first.
            item: the item id; one that no source would bring up is scored beside those it would.
            exclude: which ranker is asked; the config's setting when ``None``.
            k: length of the list that a counterfactual speaks of.

        Raises:
            UnknownUserError, UnknownItemError: an id the recommender does not know.
            RequestError: ``k`` below 1 or above the catalogue.
        """
        asked = self._histories(None if user is None else [user], history)
        return self._explained(asked, [[item]], exclude, k)[0]

    def explain_pairs(
        self,
        pairs: Iterable[tuple[Hashable, Hashable]],
        *,
        exclude: Exclude | None = None,
        k: int = 10,
    ) -> list[Explanation]:
        """Why items have the scores they have for users, many at once.

        Items of one user are set against the same candidates, so that explanations of two can be
        contrasted: ``one.against(other)``.

        Args:
            pairs: user id and item id of each.
            exclude: which ranker is asked; the config's setting when ``None``.
            k: length of the list that a counterfactual speaks of.

        Returns:
            One explanation a pair, in the order of the pairs.

        Raises:
            UnknownUserError, UnknownItemError: an id the recommender does not know.
            RequestError: ``k`` below 1 or above the catalogue.
        """
        pairs = list(pairs)
        items: dict[Hashable, dict[Hashable, None]] = {}
        for user, item in pairs:
            items.setdefault(user, {})[item] = None
        if not items:
            return []
        asked = self._histories(list(items), None)
        found = self._explained(asked, [list(each) for each in items.values()], exclude, k)
        every = [(user, item) for user, each in items.items() for item in each]
        of_pair = dict(zip(every, found, strict=True))
        return [of_pair[pair] for pair in pairs]

    def _explained(
        self,
        asked: tuple[Sequence[Hashable | None], Histories, Newcomers | None],
        items: Sequence[Sequence[Hashable]],
        exclude: Exclude | None,
        k: int,
    ) -> list[Explanation]:
        """Explanations of some items of each user, user by user."""
        from hybridrec.explain.explaining import explain_each

        question, (ids, histories, newcomers) = self.config.question(exclude), asked
        k = checked_k(k, len(self._fitted_shop.items))
        rows = [[self._item_row(item) for item in each] for each in items]
        fusion, shop = self._fitted_fusion, self._fitted_shop
        found = self._latest.of(shop, ids[0], question) if len(ids) == 1 else None
        return explain_each(fusion, shop, ids, histories, newcomers, rows, question, k, found)

    def similar_items(self, item: Hashable, k: int = 10) -> pl.DataFrame:
        """The items nearest to one in the towers' embeddings.

        Returns:
            ``item_id``, ``title`` and ``similarity`` (mean cosine over the towers, −1 to 1).

        Raises:
            UnknownItemError: an item the catalogue lacks.
            RequestError: ``k`` below 1 or above the other items known.
        """
        shop = self._fitted_shop
        row = self._item_row(item)
        k = checked_k(k, len(shop.items) - 1)
        similarity = self._fitted_fusion.item_similarity(row)
        similarity[row] = -np.inf
        best = np.argsort(-similarity, kind="stable")[:k]
        return pl.DataFrame(
            {
                "item_id": ids_column(shop.items.ids_of(best)),
                "title": [shop.titles[r] for r in best],
                "similarity": similarity[best],
            }
        )

    def add_items(self, rows: Any) -> Self:
        """Takes new products in without retraining; towers that read the catalogue embed them.

        Args:
            rows: a dataframe with the columns of the catalogue; those it lacks are null.

        Raises:
            DataError: no ``item_id``, an item twice or known already, columns that the catalogue
                lacks or of other types; nothing is taken in then.
        """
        shop = self._fitted_shop
        frame = read_new_items(rows, shop.catalogue, shop.items)
        extended = shop.with_items(frame)
        self._fitted_fusion.add_items(frame, extended.graph)
        self._take(extended)
        return self

    def update(self, events: Any, *, as_of: datetime | None = None, time_zone: str = "UTC") -> Self:
        """Takes new events in: the touched users fold in again, new users become known.

        Events known already (same user, item, ``timestamp``, ``event`` and ``value``) count once,
        so that the same table may come twice. Older events find their place. What is popular is
        counted anew for every day that the shop's moment moves on. On an error nothing is taken in.

        Args:
            events: a dataframe with the columns of the events.
            as_of: the moment the shop moves on to; that of its last event when ``None``.
            time_zone: the zone of times that name none.

        Raises:
            DataError: events that cannot be read; events after ``as_of`` or, without it, more than
                15 hours after the present.
            UnknownItemError: events on items the catalogue lacks.
        """
        config = self.config
        shop = self._fitted_shop.with_events(
            events,
            config.event_strengths,
            config.value_exponent,
            as_of=as_of,
            time_zone=time_zone,
        )
        self._fitted_fusion.follow(shop.as_of, lambda: shop.histories)
        self._take(shop)
        return self

    def evaluate(
        self,
        test: Dataset,
        metrics: Sequence[str] = ("recall@10", "ndcg@10"),
        *,
        exclude: Exclude | None = None,
        by: Sequence[str] = (),
    ) -> pl.DataFrame:
        """How well the recommendations foretell the events of a test set.

        Args:
            test: what happened after the data the recommender was fitted on.
            metrics: ``recall@10`` (of ``min(10, relevant)``), ``full_recall@10`` (of all relevant),
                ``ndcg@10``, ``hr@10``, ``precision@10``, ``mrr@10``, and so on.
            exclude: which question is asked; the config's setting when ``None``.
            by: slices to add: ``history_length`` (of users), ``item_age`` (days since first met).

        Returns:
            ``slice``, ``metric``, ``value``, ``standard_error`` and ``users``.

        Raises:
            RequestError: no metric, an unknown one, or an unknown slice.
            DataError: the test holds nothing that could be foretold.
        """
        from hybridrec.evaluation.protocols import evaluate

        return evaluate(
            self._fitted_fusion, self._fitted_shop, test, metrics, self.config.question(exclude), by
        )

    def reliability(
        self, test: Dataset, *, exclude: Exclude | None = None, top: int | None = None
    ) -> Reliability:
        """Whether the probabilities of recommendations come true as often as they say.

        Args:
            test: what happened after the data the recommender was fitted on; it should reach as
                far as ``ranker.horizon_days``, and what lies beyond is left out. With null, or
                without times, each user's first event counts.
            exclude: which question is asked; the config's setting when ``None``.
            top: look at so many candidates of each user, the best, alone; at all when ``None``.

        Raises:
            RequestError: the ranker is not calibrated: too few users were held out.
            DataError: the test holds nothing that could be foretold.
        """
        from hybridrec.evaluation.reliability import reliability

        question = self.config.question(exclude)
        return reliability(self._fitted_fusion, self._fitted_shop, test, question, top)

    def drift(
        self,
        users: Hashable | Sequence[Hashable] | None = None,
        *,
        events: Any = None,
        settings: DriftConfig | None = None,
    ) -> DriftReport:
        """Whose interest moved from what to what, how the mix moved, and if a refit is due.

        See :func:`hybridrec.drift.report.drift_report` for arguments and errors.
        """
        from hybridrec.drift.report import drift_report

        many = isinstance(users, Sequence) and not isinstance(users, (str, bytes, tuple))
        asked = users if users is None or many else [users]
        return drift_report(
            self._fitted_shop,
            self.config,
            settings,
            fusion=self._fitted_fusion,
            users=asked,  # type: ignore[arg-type]
            events=events,
        )

    def segments(
        self, number: int | None = None, *, settings: SegmentsConfig | None = None
    ) -> Segments:
        """Groups of users who behave alike; see :mod:`hybridrec.drift.segments`.

        Args:
            number: how many; the settings' choice when ``None``.
            settings: of what the groups are made.
        """
        from hybridrec.drift.segments import user_segments

        return user_segments(
            self._fitted_shop, self.config, settings, number=number, fusion=self._fitted_fusion
        )

    def report(
        self,
        *,
        users: Sequence[Hashable] | Mapping[Any, str] = (),
        items: Sequence[Hashable] = (),
        segments: bool | None = None,
        catalogue: bool | None = None,
        k: int = 10,
        exclude: Exclude | None = None,
        policy: Policy | str | Path | None = None,
        at: datetime | date | None = None,
        shop_name: str = "",
        settings: ReportConfig | None = None,
    ) -> Report:
        """What is recommended to whom and why: users, items, segments or the whole catalogue.

        See :func:`hybridrec.report.making.make_report` for arguments and errors.
        """
        from hybridrec.report import make_report

        return make_report(
            self, users=users, items=items, segments=segments, catalogue=catalogue, k=k,
            exclude=self.config.question(exclude), policy=policy, at=at, shop_name=shop_name,
            settings=settings,
        )  # fmt: skip

    def save(self, directory: str | Path) -> None:
        """Writes everything into a directory; see :mod:`hybridrec.artifacts`."""
        from hybridrec.artifacts import save

        shop, fusion = self._fitted_shop, self._fitted_fusion
        save(self.config, fusion, shop, self._curves, Path(directory))

    @classmethod
    def load(cls, directory: str | Path, *, signals: Sequence[Signal] = ()) -> Self:
        """Reads a saved recommender.

        Args:
            directory: where it was saved.
            signals: the shop's own, if it was fitted with any.

        Raises:
            ArtifactError: the directory is none, or a file is missing or damaged.
        """
        from hybridrec.artifacts import load

        return cls.of(*load(Path(directory), signals))

    @property
    def users(self) -> list[Hashable]:
        """The user ids it knows."""
        return self._fitted_shop.users.values

    @property
    def items(self) -> list[Hashable]:
        """The item ids it knows."""
        return self._fitted_shop.items.values

    @property
    def towers(self) -> tuple[str, ...]:
        """The towers that are in."""
        return tuple(self._fitted_fusion.towers)

    @property
    def curves(self) -> Curves:
        """Losses and validation metrics of its fit, step by step."""
        return self._curves

    @property
    def fusion(self) -> Fusion:
        """The fitted towers and rankers."""
        return self._fitted_fusion

    @property
    def shop(self) -> Shop:
        """What it knows of the shop: ids, catalogue, graph and histories."""
        return self._fitted_shop

    @property
    def _fitted_fusion(self) -> Fusion:
        if self._fusion is None:
            raise NotFittedError("the recommender is not fitted yet; call fit(data) or load one")
        return self._fusion

    @property
    def _fitted_shop(self) -> Shop:
        if self._shop is None:
            raise NotFittedError("the recommender is not fitted yet; call fit(data) or load one")
        return self._shop

    def _take(self, shop: Shop) -> None:
        """Takes a new state of the shop on; what was kept of the last is let go."""
        self._shop, self._latest = shop, LatestCandidates()

    def _histories(
        self,
        users: Hashable | Sequence[Hashable] | None,
        history: Sequence[Hashable] | None,
        attributes: Mapping[str, Any] | None = None,
    ) -> tuple[list[Hashable | None], Histories, Newcomers | None]:
        """The ids asked for, their histories, and who of them is known by attributes alone."""
        shop = self._fitted_shop
        if sum(asked is not None for asked in (users, history, attributes)) != 1:
            raise RequestError(
                "give either users or history=[items] or attributes={name: value}: one of them"
            )
        if isinstance(history, (str, bytes)):
            raise RequestError(f"history={history!r}: give a list of item ids, [{history!r}]")
        if history is not None:
            return [None], shop.visitor([self._item_row(item) for item in history]), None
        if attributes is not None:
            return [None], shop.visitor([]), shop.visitor_with(attributes)
        many = isinstance(users, Sequence) and not isinstance(users, (str, bytes, tuple))
        ids = list(users) if many else [users]  # type: ignore[arg-type]
        rows = shop.users.rows_of(ids)
        newcomers = shop.newcomers_of(ids) if (rows < 0).any() else None
        new = np.zeros(rows.size, dtype=bool) if newcomers is None else newcomers.new
        lost = (rows < 0) & ~new
        unknown = [user for user, missing in zip(ids, lost, strict=True) if missing]
        if unknown:
            raise UnknownUserError(
                f"unknown users: {examples(unknown)}; known are {len(shop.users):,}, such as "
                f"{examples(shop.users.ids_of([0]))}. For a new visitor give history=[item ids]"
            )
        codec = shop.users.codec
        own = [codec.decode(codec.encode(user)) for user in ids]  # the shop's form, not a NumPy one
        return own, shop.histories_of(rows), newcomers

    def _item_row(self, item: Hashable) -> int:
        shop = self._fitted_shop
        row = shop.items.row(item)
        if row < 0:
            raise UnknownItemError(
                f"unknown item {item!r}; known are {len(shop.items):,}, such as "
                f"{examples(shop.items.ids_of([0]))}. Take new products in with add_items(rows)"
            )
        return row
