"""Facts that are not in the catalogue: what shoppers' behaviour shows, and texts that are alike."""
