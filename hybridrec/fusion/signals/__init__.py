"""The signals: one number each for a (user, item) pair, before fusion."""
