"""A build's logs in a local folder: the same names and bytes as over HTTP, and nothing outside of it."""

import gzip
import os
from dataclasses import replace

import pytest

from counterbot.builds.failure import look
from counterbot.builds.folder import Folder
from counterbot.core.deadline import DeadlineExceeded
from counterbot.core.model import Unreadable
from counterbot.fingerprints.query import parse
from counterbot.fingerprints.scan import Scanner
from tests.edges.test_failure_reader import API, FILES, RULES, SHOWN


@pytest.fixture
def files(tmp_path):
    """Writes files below the folder ``logs``."""
    def write(contents):
        for name, content in contents.items():
            path = tmp_path / "logs" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "logs"
    return write


def content(folder: Folder, path: str, packed: int = 1000, unpacked: int = 1000) -> bytes:
    with folder.open(path, packed, unpacked) as blocks:
        return b"".join(blocks)


def test_shows_what_the_log_server_shows(files):
    scanner = Scanner({name: parse(query) for name, query in RULES.items()})
    assert look(Folder(files(FILES)), {"build_name": ("tempest-full",)}, scanner, {}) == SHOWN


def test_shows_what_was_read_before_time_ran_out(files):
    class Slow(Folder):
        def open(self, path, packed, unpacked):
            if path == API:
                raise DeadlineExceeded("not done in 5 s")
            return super().open(path, packed, unpacked)

    scanner = Scanner({name: parse(query) for name, query in RULES.items()})
    assert look(Slow(files(FILES)), {}, scanner, {}) == replace(SHOWN, unread={API: "not done in 5 s"})


def test_files_have_their_plain_names(files):
    folder = Folder(files({"b/c.txt.gz": gzip.compress(b"packed"), "a.txt": b"plain", "a.txt.gz": b"", "d\n": b""}))
    assert folder.paths == ["a.txt", "b/c.txt"]
    assert content(folder, "b/c.txt") == b"packed"
    assert content(folder, "a.txt") == b"plain"
    with folder.open("no.txt", 1, 1) as blocks:
        assert blocks is None


@pytest.mark.parametrize(("stored", "why"), [
    (b"x" * 1001, "more than 1,000 bytes"),
    (gzip.compress(b"x" * 1001, mtime=0), "more than 1,000 bytes when decompressed"),
    (gzip.compress(b"x", mtime=0)[:-3], "truncated gzip data"),
])
def test_too_much_and_too_little(files, stored, why):
    with pytest.raises(Unreadable, match=why):
        content(Folder(files({"a.txt": stored})), "a.txt")


def test_links_that_lead_outside_are_not_followed(files, tmp_path):
    root = files({"a/a.txt": b"inside"})
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_bytes(b"outside")
    (root / "key").symlink_to(tmp_path / "secret/key")
    (root / "folder").symlink_to(tmp_path / "secret")
    (root / "inside").symlink_to(root / "a/a.txt")
    (root / "nowhere").symlink_to("/no/such/file")
    folder = Folder(root)
    assert folder.paths == ["a/a.txt", "inside", "key", "nowhere"]
    assert content(folder, "inside") == b"inside"
    with pytest.raises(Unreadable, match="leads out of the folder"):
        content(folder, "key")


def test_a_link_that_leads_nowhere_and_what_is_no_file(files):
    root = files({"a.txt": b""})
    (root / "nowhere").symlink_to(root / "b.txt")
    os.mkfifo(root / "pipe")
    for name in ("nowhere", "pipe"):
        with pytest.raises(Unreadable, match="it is no file"):
            content(Folder(root), name)


def test_a_folder_that_changes_while_it_is_read(files):
    root = files({"a.txt": b"x", "b.txt": b"y"})
    folder = Folder(root)
    (root / "a.txt").unlink()
    with pytest.raises(Unreadable, match="it is no file"):
        content(folder, "a.txt")


def test_a_huge_tree_is_capped_and_told(files):
    folder = Folder(files({f"{n}/{n}.txt": b"" for n in range(9)}), most=3)
    assert (len(folder.paths), folder.missed) == (4, {"more files": "only the first 4 are looked at"})


def test_no_folder(tmp_path):
    with pytest.raises(Unreadable, match="gone is no folder"):
        Folder(tmp_path / "gone")
