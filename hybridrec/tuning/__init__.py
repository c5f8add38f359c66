"""Search for better settings: what may vary, trials on held-out events, and what came of them."""
