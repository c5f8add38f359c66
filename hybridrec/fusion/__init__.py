"""Candidates, signals, the learned ranker, and the policy on top."""
