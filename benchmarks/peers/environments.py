"""The Python environment of each peer, made when it is first asked for.

Their requirements contradict each other and ours, so each has an environment of its own under
``~/.cache/hybridrec/peers``, or where ``HYBRIDREC_PEERS`` says.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

from hybridrec.errors import ConfigError

REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "lightfm": ("lightfm-next==1.19.0",),
    "lenskit": ("lenskit==2025.8.1", "torch==2.13.0"),
    "rectools": ("rectools[torch]==0.19.0", "torch==2.13.0"),
    "cornac": ("cornac==3.0.1",),
    "hopwise": (
        "hopwise==0.9.1.post1",
        "torch==2.13.0",
        "dgl==1.1.3",  # later ones hold libraries for certain releases of torch alone
    ),
}
"""What is installed for each peer; pinned, so that tables can be made again."""


def python_of(peer: str) -> Path:
    """The interpreter of a peer's environment; made first where it is not there yet.

    Raises:
        ConfigError: the peer's requirements cannot be installed.
    """
    wanted = "\n".join(REQUIREMENTS[peer])
    mark = hashlib.sha256(f"{sys.version}\n{wanted}".encode()).hexdigest()[:12]
    home = Path(os.environ.get("HYBRIDREC_PEERS", Path.home() / ".cache" / "hybridrec" / "peers"))
    place = home / f"{peer}-{mark}"
    python, done = place / "bin" / "python", place / "installed"
    if done.exists():
        return python
    venv.create(place, clear=True, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *REQUIREMENTS[peer]]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        last = installed.stderr.strip().splitlines()[-1:]
        raise ConfigError(f"{peer}: cannot install {', '.join(REQUIREMENTS[peer])}: {last}")
    done.touch()
    return python
