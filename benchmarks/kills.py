"""Fits that are killed at random moments: is anything broken, and does going on cost accuracy?

    python -m benchmarks.kills --data DIR

The command line fits a recommender on ml-100k again and again, each time killed by SIGKILL at a
random moment of its course and then run to its end. Checked each time: files that are there are
whole, the model of before is there still, and the validation metrics of the resumed fit.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset, Recommender
from hybridrec.learning.checkpoints import Checkpoints

DATASET = "ml-100k"
SETTINGS = """
towers:
  text: {steps: 40, batch_size: 128, encoded_examples: 32, validate_every: 5}
"""
"""The defaults, but for a text tower that learns as long in smaller steps."""
HEADER = ["killed after s", "checkpoints then", "rest took s", "collaborative", "graph", "text"]


def main() -> None:
    """Kills, resumes, and prints a row a kill."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--config", type=Path, help="settings in YAML; SETTINGS if not given")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as folder:
        command, model = fit_command(Path(folder), arguments.data, arguments.config)
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - started
        rows: list[list[object]] = [["never", None, round(whole, 1), *metrics(model)]]
        while len(rows) <= arguments.kills:
            row = killed_and_resumed(command, model, moments.uniform(0, whole))
            if row is not None:
                rows.append(row)
                print(row, flush=True)
    text = f"{markdown.table(HEADER, rows)}\n\n- {DATASET}; best validation metric of each tower\n"
    text += f"- {describe(arguments.seed)}\n"
    print(text)
    if arguments.save_table is not None:
        arguments.save_table.write_text(text, encoding="utf-8")


def fit_command(folder: Path, data: Path | None, config: Path | None) -> tuple[list[str], Path]:
    """The command that fits, and where its model goes."""
    loaded = Dataset.load(DATASET, data_dir=data)
    loaded.events.write_parquet(folder / "events.parquet")
    loaded.catalogue.write_parquet(folder / "catalogue.parquet")
    model = folder / "models" / "today"
    command = [sys.executable, "-c", "from hybridrec.cli import app; app()", "-q", "fit"]
    command += [str(folder / "events.parquet"), str(model)]
    command += ["--catalogue", str(folder / "catalogue.parquet")]
    settings = folder / "settings.yaml"
    settings.write_text(SETTINGS if config is None else config.read_text(encoding="utf-8"))
    return [*command, "--config", str(settings)], model


def killed_and_resumed(command: list[str], model: Path, after: float) -> list[object] | None:
    """A row: when it was killed, what was there then, and what the fit came to.

    ``None`` where the fit ended before.
    """
    fit = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(after)
    fit.send_signal(signal.SIGKILL)
    if fit.wait() == 0:
        return None
    Recommender.load(model)  # the one of before, every file checked
    kept = 0
    for directory in model.parent.glob(".today-fit-*"):
        checkpoints = Checkpoints(directory, "")
        for file in directory.glob("*.safetensors"):
            assert checkpoints.load(file.stem) is not None
            kept += 1
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    leftovers = [path for path in model.parent.iterdir() if path != model]
    for path in leftovers:
        shutil.rmtree(path)
    return [round(after, 1), kept, round(seconds, 1), *metrics(model)]


def metrics(model: Path) -> list[object]:
    """The best validation metric of each tower, as the model's curves tell."""
    curves = Recommender.load(model).curves.to_polars().filter(pl.col("name") != "loss")
    found: list[object] = []
    for tower in HEADER[-3:]:
        best = curves.filter(pl.col("model").str.starts_with(tower))["value"].max()
        found.append(None if best is None else round(float(str(best)), 4))
    return found


if __name__ == "__main__":
    main()
