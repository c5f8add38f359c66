"""What HTML pages share: how they look, what is drawn on them, and how they reach the disk."""

from hybridrec.pages.drawing import Axis, decimals_for, percent, written
from hybridrec.pages.rendering import templates, write_in_one_step

__all__ = ["Axis", "decimals_for", "percent", "templates", "write_in_one_step", "written"]
