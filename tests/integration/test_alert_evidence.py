"""Evidence pictures in a folder: whole, relative, and never changed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.evidence import EvidenceStore


def test_a_picture_is_stored_under_the_alert_and_the_first_is_kept(tmp_path: Path) -> None:
    assert EvidenceStore(tmp_path).put("a1", b"first") == "evidence/a1.jpg"
    assert EvidenceStore(tmp_path).put("a1", b"second") == "evidence/a1.jpg"
    assert (tmp_path / "evidence" / "a1.jpg").read_bytes() == b"first"


def test_a_write_that_fails_half_way_leaves_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        real(path, data[:3])
        raise OSError(28, "No space left on device")

    store = EvidenceStore(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        store.put("a1", b"picture")
    monkeypatch.undo()
    assert list((tmp_path / "evidence").iterdir()) == [], "nor half a one"
    store.put("a1", b"picture")
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == ["a1.jpg"]


def test_two_instances_may_store_one_picture_at_the_same_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may have the same process id: in containers both are process 1."""
    written, real = threading.Barrier(2, timeout=5), Path.write_bytes

    def slow(path: Path, data: bytes) -> int:
        count = real(path, data)
        written.wait()
        return count

    monkeypatch.setattr(Path, "write_bytes", slow)
    with ThreadPoolExecutor(2) as pool:
        stored = [pool.submit(EvidenceStore(tmp_path).put, "a1", b"picture") for _ in range(2)]
        assert {future.result() for future in stored} == {"evidence/a1.jpg"}
    assert [path.name for path in (tmp_path / "evidence").iterdir()] == ["a1.jpg"]
    assert (tmp_path / "evidence" / "a1.jpg").read_bytes() == b"picture"
