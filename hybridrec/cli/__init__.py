"""Every verb of the face, from a shell."""

from hybridrec.cli import fitting, asking, drifting, reporting, checking  # noqa: F401, I001 each adds its verbs, in this order
from hybridrec.cli.app import app

__all__ = ["app"]
