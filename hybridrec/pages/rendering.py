"""Templates, and the pages they give."""

from __future__ import annotations

import tempfile
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def templates(*packages: str) -> Environment:
    """The templates that lie beside packages' modules; they may include those shared here.

    Whatever a template is given is escaped, and must be given.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(name, ".") for name in (*packages, "hybridrec.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_in_one_step(path: Path, text: str) -> None:
    """Writes a file that appears complete or not at all; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as aside:
        complete = Path(aside) / path.name
        complete.write_text(text, encoding="utf-8")
        complete.replace(path)
