"""Neighbours, paths and surroundings."""
