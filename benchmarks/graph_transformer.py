"""The family of graph networks that was compared and left out: a heterogeneous transformer."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch_geometric.nn import HGTConv

from hybridrec.towers.graph.adjacency import Adjacency
from hybridrec.towers.graph.collaborative_graph import CollaborativeGraph
from hybridrec.towers.graph.encoders import Encoder
from hybridrec.towers.graph.tower import GraphTower

HEADS = 4
TYPES = ("item", "entity", "user")


class TransformerEncoder(Encoder):
    """Attention over edges with weights for each type of node and of edge: ``HGTConv``.

    Args:
        graph: tells the types of nodes and edges.
        dim: width.
        layers: of the transformer.
        normalise: as for other encoders.
    """

    def __init__(
        self, graph: CollaborativeGraph, dim: int, layers: int, *, normalise: bool
    ) -> None:
        super().__init__(len(graph.relations), dim, layers, normalise=normalise)
        self.n_relations = len(graph.relations)
        self.bounds = torch.tensor([0, graph.n_items, graph.n_free, graph.n_nodes])
        whole = graph.messages
        kinds = torch.from_numpy(whole.kinds)
        ends = (torch.from_numpy(whole.sources), torch.from_numpy(whole.targets))
        self.edges = self._typed(*ends, kinds)
        metadata = (list(TYPES), list(self.edges))
        self.convs = nn.ModuleList(HGTConv(dim, dim, metadata, HEADS) for _ in range(layers))

    def step(
        self, layer: int, states: Tensor, adjacency: Adjacency, kept: Tensor | None = None
    ) -> Tensor:
        """See :meth:`Encoder.step`; always over the whole graph."""
        bounds = self.bounds.tolist()
        parts = {name: states[bounds[n] : bounds[n + 1]] for n, name in enumerate(TYPES)}
        edges = self.edges
        if kept is not None:
            sends = {name: kept[bounds[n] : bounds[n + 1]] > 0 for n, name in enumerate(TYPES)}
            edges = {kind: pairs[:, sends[kind[0]][pairs[0]]] for kind, pairs in edges.items()}
        found = self.convs[layer](parts, edges)
        zeros = {name: torch.zeros_like(part) for name, part in parts.items()}
        return torch.cat([found.get(name) if found.get(name) is not None else zeros[name]
                          for name in TYPES])  # fmt: skip

    @property
    def matrices(self) -> list[nn.Parameter]:
        """See :attr:`Encoder.matrices`."""
        return list(self.convs.parameters())

    def relation_shares(self, states: Tensor, adjacency: Adjacency) -> Tensor:
        """Equal; it has no shares to tell."""
        return torch.full((self.n_relations,), 1.0 / self.n_relations)

    def _typed(
        self, sources: Tensor, targets: Tensor, kinds: Tensor
    ) -> dict[tuple[str, str, str], Tensor]:
        ends = [
            torch.bucketize(nodes, self.bounds[1:-1], right=True) for nodes in (sources, targets)
        ]
        codes = (ends[0] * self.n_relations + kinds) * len(TYPES) + ends[1]
        edges = {}
        for code in torch.unique(codes).tolist():
            chosen = codes == code
            rest, to = divmod(code, len(TYPES))
            start, kind = divmod(rest, self.n_relations)
            pairs = torch.stack([sources[chosen], targets[chosen]])
            pairs = pairs - self.bounds[[start, to]][:, None]
            edges[TYPES[start], f"relation {kind}", TYPES[to]] = pairs
        return edges


class TransformerTower(GraphTower):
    """The graph tower with a heterogeneous graph transformer (Hu et al., WWW 2020) in it.

    Compared and left out: see docs/graph-tower.md.
    """

    def _new_encoder(self, n_relations: int, graph: CollaborativeGraph) -> Encoder:
        config = self.config
        return TransformerEncoder(
            graph, config.embedding_dim, config.layers, normalise=config.normalise
        )
