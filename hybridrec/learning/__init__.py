"""What every model that learns by steps shares: schedules, early stopping, curves, checkpoints."""
