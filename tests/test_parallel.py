"""Pieces of work on threads of their own."""

from collections.abc import Iterator
from threading import Barrier, Event, Thread, get_ident

import numpy as np
import polars as pl
import pytest
import torch
from threadpoolctl import threadpool_info

from hybridrec import Recommender
from hybridrec.fusion import pipeline
from hybridrec.parallel import on_one_thread, one_pool, side_by_side

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


def test_pieces_run_side_by_side_on_one_thread_each() -> None:
    waiting = Barrier(2, timeout=20)  # opened by two at once only

    def work(piece: int) -> tuple[int, int]:
        waiting.wait()
        return piece, torch.get_num_threads()

    found = side_by_side(work, [5, 3, 8, 1], CPU)

    assert found == [(5, 1), (3, 1), (8, 1), (1, 1)]
    assert torch.get_num_threads() == 2


def test_a_piece_alone_splits_nothing_either() -> None:
    assert side_by_side(lambda _: torch.get_num_threads(), [0], CPU) == [1]
    assert torch.get_num_threads() == 2


def test_work_in_one_pool_shares_its_threads() -> None:
    def work(_: int) -> int:
        return get_ident()

    with one_pool(CPU) as pool:
        assert torch.get_num_threads() == 1
        used = {thread for _ in range(5) for thread in side_by_side(work, range(9), CPU)}
        with one_pool(CPU) as inner:
            assert inner is pool
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    with one_pool(torch.device("meta")) as elsewhere:
        assert elsewhere is None

    assert len(used) <= 2
    assert get_ident() not in used


def test_an_error_in_one_piece_is_raised_and_threads_are_as_before() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda piece: 1 / piece, [1, 0, 2], CPU)
    assert torch.get_num_threads() == 2


def test_users_ranked_side_by_side_are_as_one_by_one(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "block_users", lambda n_items: 2)
    users = recommender.users[:9]

    together = recommender.recommend(users, k=5).to_polars()

    assert together["user_id"].unique(maintain_order=True).to_list() == users
    alone = pl.concat(recommender.recommend(user, k=5).to_polars() for user in users)
    assert together["item_id"].to_list() == alone["item_id"].to_list()
    np.testing.assert_allclose(together["score"], alone["score"], atol=1e-4)


def test_requests_may_overlap_and_leave_threads_as_they_were() -> None:
    entered, asked = Event(), Event()
    seen: list[int] = []

    def first() -> None:
        with on_one_thread():
            entered.set()
            asked.wait(20)
        seen.append(torch.get_num_threads())

    def second() -> None:
        entered.wait(20)
        with on_one_thread():
            with on_one_thread():
                pass
            seen.append(torch.get_num_threads())
            asked.set()
            one.join(20)
        seen.append(torch.get_num_threads())

    before = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    one, other = Thread(target=first), Thread(target=second)
    later = Thread(target=lambda: seen.append(torch.get_num_threads()))
    for thread in (one, other):
        thread.start()
    for thread in (one, other):
        thread.join(20)
    later.start()
    later.join(20)

    assert seen == [1, 2, 2, 2]
    after = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert after[: len(before)] == before
