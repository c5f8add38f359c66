"""What a graph knows of itself: statistics, defects, how well its facts can be told."""
