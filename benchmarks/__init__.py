"""Scripts that measure hybridrec on public data: ``python -m benchmarks.NAME --help``."""
