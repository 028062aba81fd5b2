"""The folder of figures lies in memory where that is possible, and leaves nothing behind."""

from pathlib import Path

import pytest

from pingfold import metrics_folder


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    folder = tmp_path / "memory"
    folder.mkdir()
    return folder


def test_it_lies_in_memory_and_is_removed(tmp_path: Path, memory: Path) -> None:
    folder = tmp_path / "metrics"
    metrics_folder.make(folder, memory)
    (folder / "counter_1.db").write_text("of a run that was killed")
    (place,) = memory.iterdir()
    assert folder.resolve() == place
    assert place.stat().st_mode & 0o777 == 0o700
    metrics_folder.make(folder, memory)
    assert list(folder.iterdir()) == []
    metrics_folder.remove(folder, memory)
    assert list(memory.iterdir()) == []
    assert not folder.is_symlink()


def test_two_installations_share_nothing(tmp_path: Path, memory: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        metrics_folder.make(tmp_path / name / "metrics", memory)
    assert len(list(memory.iterdir())) == 2


@pytest.mark.parametrize("is_taken", [False, True])
def test_elsewhere_it_is_a_plain_folder(tmp_path: Path, memory: Path, is_taken: bool) -> None:
    """Where there is no shared memory; and where somebody has laid a link in our way, which is not followed."""
    folder, elsewhere = tmp_path / "metrics", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    metrics_folder.make(folder, memory)
    (place,) = memory.iterdir()
    metrics_folder.remove(folder, memory)
    if is_taken:
        place.symlink_to(elsewhere)
    else:
        memory = tmp_path / "nowhere"
    metrics_folder.make(folder, memory)
    assert folder.is_dir()
    assert not folder.is_symlink()
    metrics_folder.remove(folder, memory)
    assert (elsewhere / "precious").exists()
    assert not folder.exists()
