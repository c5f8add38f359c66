"""Whoever watches is told of every piece of work that ends."""

from hybridrec.progress import stage, track, watched


def test_stages_and_loops_are_told_with_their_depth_and_seconds() -> None:
    told: list[tuple[str, int, float]] = []

    with watched(lambda *piece: told.append(piece)), stage("fit"), stage("tower"):
        list(track(range(3), "steps"))
    with stage("unwatched"):
        pass

    assert [(what, depth) for what, depth, _ in told] == [("steps", 2), ("tower", 1), ("fit", 0)]
    assert 0 <= told[0][2] <= told[1][2] <= told[2][2]
