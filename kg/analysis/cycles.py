"""Relations that should lead upwards and lead round in a circle."""

import numpy as np
import polars as pl


def edges_in_cycles(heads: pl.Series, tails: pl.Series) -> pl.DataFrame:
    """The edges that lie on a cycle: those within one strongly connected component.

    Args:
        heads: ``(n_edges,)`` names or numbers.
        tails: ``(n_edges,)``, of the same type.

    Returns:
        ``head``, ``tail`` and ``cycle`` (the component's number), each edge once.

    >>> edges_in_cycles(pl.Series(["a", "b", "c"]), pl.Series(["b", "a", "a"])).rows()
    [('a', 'b', 0), ('b', 'a', 0)]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    edges = pl.DataFrame({"head": heads, "tail": tails}).unique(maintain_order=True)
    names = pl.concat([edges["head"], edges["tail"].alias("head")]).unique(maintain_order=True)
    numbers = pl.DataFrame({"name": names, "id": np.arange(names.len())})
    head, tail = (
        edges.join(numbers, left_on=side, right_on="name", how="left", maintain_order="left")["id"]
        for side in ("head", "tail")
    )
    ones = np.ones(edges.height)
    graph = coo_array((ones, (head.to_numpy(), tail.to_numpy())), shape=(names.len(), names.len()))
    _, component = connected_components(graph, directed=True, connection="strong")
    cycle = pl.Series("cycle", component)
    tied = cycle.gather(head) == cycle.gather(tail)
    return edges.with_columns(cycle.gather(head)).filter(tied)


def closing_edges(heads: pl.Series, tails: pl.Series) -> pl.DataFrame:
    """The edges that would close a cycle, were all taken one after another.

    With edges in order of how usual they are, these are the unusual ones of every cycle.

    Args:
        heads: ``(n_edges,)`` names or numbers.
        tails: ``(n_edges,)``, of the same type.

    Returns:
        ``head`` and ``tail``.

    >>> closing_edges(pl.Series(["a", "b", "c"]), pl.Series(["b", "c", "a"])).rows()
    [('c', 'a')]
    """
    from networkx import DiGraph, has_path

    taken: DiGraph[object] = DiGraph()
    closing = []
    for head, tail, _ in edges_in_cycles(heads, tails).iter_rows():
        taken.add_nodes_from((head, tail))
        if has_path(taken, tail, head):
            closing.append((head, tail))
        else:
            taken.add_edge(head, tail)
    return pl.DataFrame(closing, schema={"head": heads.dtype, "tail": tails.dtype}, orient="row")
