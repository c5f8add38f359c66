"""Graph neural networks over users, items and the entities of the knowledge graph."""
