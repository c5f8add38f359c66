"""A directory on disk and a recommender are the same thing, or the directory is refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hybridrec import Recommender
from hybridrec.errors import ArtifactError


@pytest.fixture(scope="module")
def saved(recommender: Recommender, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("artifacts") / "model"
    recommender.save(place)
    return place


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def test_a_new_process_gives_identical_recommendations(
    recommender: Recommender, saved: Path
) -> None:
    script = (
        "import sys, json\n"
        "from hybridrec import Recommender\n"
        "recommender = Recommender.load(sys.argv[1])\n"
        "for exclude in ('none', 'seen'):\n"
        "    recs = recommender.recommend(recommender.users, k=10, exclude=exclude)\n"
        "    print(json.dumps(recs.to_dicts()))\n"
        "why = recommender.explain(user='u05', item='i01')\n"
        "print(json.dumps(why.to_dict()))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(saved)], capture_output=True, text=True, check=True
    )
    none, seen, why = (json.loads(line) for line in result.stdout.splitlines())
    assert none == recommender.recommend(recommender.users, k=10, exclude="none").to_dicts()
    assert seen == recommender.recommend(recommender.users, k=10, exclude="seen").to_dicts()
    assert why == recommender.explain(user="u05", item="i01").to_dict()


def test_a_flipped_byte_in_any_file_is_refused_by_name(copied: Path) -> None:
    files = [path for path in copied.rglob("*") if path.is_file()]
    assert len(files) > 8
    for file in files:
        content = file.read_bytes()
        for place in (0, len(content) // 2, len(content) - 1):
            flipped = bytearray(content)
            flipped[place] ^= 1
            file.write_bytes(bytes(flipped))
            with pytest.raises(ArtifactError, match=file.name):
                Recommender.load(copied)
        file.write_bytes(content)
    assert len(Recommender.load(copied).users) == 60


def test_missing_and_foreign_files_are_refused_by_name(copied: Path) -> None:
    (copied / "extra.bin").write_bytes(b"?")
    with pytest.raises(ArtifactError, match=r"extra\.bin"):
        Recommender.load(copied)
    (copied / "extra.bin").unlink()
    (copied / "users.parquet").unlink()
    with pytest.raises(ArtifactError, match=r"users\.parquet is missing"):
        Recommender.load(copied)


def test_another_version_is_refused(copied: Path) -> None:
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["version"] = 99
    (copied / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match="version 99"):
        Recommender.load(copied)


def test_a_directory_that_is_none_is_refused(tmp_path: Path, recommender: Recommender) -> None:
    with pytest.raises(ArtifactError, match=r"no manifest\.json"):
        Recommender.load(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ArtifactError, match="is no saved recommender"):
        recommender.save(tmp_path / "photos")
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def test_saving_again_replaces_and_leaves_nothing_behind(
    copied: Path, recommender: Recommender
) -> None:
    recommender.save(copied)
    assert [path.name for path in copied.parent.iterdir()] == ["model"]
    assert len(Recommender.load(copied).items) == 64


def test_a_save_killed_between_its_renames_loses_nothing(
    copied: Path, recommender: Recommender
) -> None:
    copied.rename(copied.with_name(".model-0123456789abcdef-old"))

    assert len(Recommender.load(copied).items) == 64
    copied.rename(copied.with_name(".model-0123456789abcdef-old"))
    recommender.save(copied)
    assert [path.name for path in copied.parent.iterdir()] == ["model"]


def test_any_name_will_do(copied: Path, recommender: Recommender) -> None:
    place = copied.with_name("[v2] *?")
    recommender.save(place)

    assert len(Recommender.load(place).items) == 64


def test_a_link_stays_one(copied: Path, recommender: Recommender) -> None:
    link = copied.with_name("current")
    link.symlink_to(copied)

    recommender.save(link)

    assert link.is_symlink()
    assert sorted(path.name for path in copied.parent.iterdir()) == ["current", "model"]
    assert len(Recommender.load(link).items) == 64
