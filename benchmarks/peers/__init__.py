"""Other libraries, run for real: each in a Python environment of its own, driven through files."""
