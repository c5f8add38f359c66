"""Accuracy on public data, the fusion beside its peers: one command a table."""
