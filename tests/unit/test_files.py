"""Files appear whole or not at all."""

import errno
import os
import stat

import pytest

from tension_sim.errors import OutputError
from tension_sim.system.files import write_whole


def test_content_and_ordinary_permissions(tmp_path):
    path = write_whole("demo.path", tmp_path / "a.bin", b"x" * 1000)
    assert path.read_bytes() == b"x" * 1000
    (tmp_path / "plain").write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_who_reads_meanwhile_reads_the_earlier_file(tmp_path):
    """Another file takes the name: one that has the earlier file open never meets a part of the later one."""
    path = write_whole("demo.path", tmp_path / "a.txt", b"earlier")
    with open(path, "rb", buffering=0) as reader:
        write_whole("demo.path", path, b"new")
        assert reader.read() == b"earlier"
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "free some space on the disk"),
        (errno.EDQUOT, "your quota is used up"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "you may not write there"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_a_write_that_fails_half_way_leaves_the_earlier_file(tmp_path, monkeypatch, number, fix):
    path = tmp_path / "a.txt"
    path.write_bytes(b"earlier")

    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OutputError, match=rf"demo.path: expected a file that can be written[\s\S]*Fix: {fix}") as info:
        write_whole("demo.path", path, b"new")
    assert info.value.errno == number
    assert path.read_bytes() == b"earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_in_the_way_is_refused(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OutputError, match="Fix: there is a folder of this name"):
        write_whole("demo.path", tmp_path / "taken", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
