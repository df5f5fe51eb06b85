"""files.rulebook: a folder of rules while people write in it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from counterbot.files.rulebook import RuleBook

GOOD = "bounds: {a.b: {max: 1}}\n"


class Folder:
    """A folder of rules, its book, and what the book has logged since last asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: list[str] = []
        log = logging.Logger("rules")
        handler = logging.Handler()
        handler.emit = lambda record: self.lines.append(f"{record.levelname} {record.getMessage()}")
        log.addHandler(handler)
        self.log = log

    def open(self) -> RuleBook:
        return RuleBook(self.path, log=self.log)

    def write(self, name: str, text: str) -> None:
        """As an editor does: a new file takes the old one's place."""
        (self.path / "new").write_text(text)
        os.replace(self.path / "new", self.path / name)

    def logged(self) -> list[str]:
        lines = [line.replace(f"{self.path}/", "") for line in self.lines]
        self.lines.clear()
        return lines

    def told(self, book: RuleBook) -> list[str]:
        return [str(mistake).replace(f"{self.path}/", "") for mistake in book.mistakes]


@pytest.fixture
def folder(tmp_path) -> Folder:
    return Folder(tmp_path)


def names(book: RuleBook) -> list[str]:
    return [rule.name for rule in book.rules]


def test_rules_in_the_order_of_file_names(folder) -> None:
    for name in ("b.yaml", "a.yml", "c.txt", ".hidden.yaml"):
        folder.write(name, GOOD)
    (folder.path / "d").mkdir()
    (folder.path / "d/e.yaml").write_text(GOOD)
    book = folder.open()
    assert (names(book), book.mistakes, folder.logged()) == (["a", "b"], (), [])
    assert [Path(book.file_of(rule).bug_at.path).name for rule in book.rules] == ["a.yml", "b.yaml"]


def test_a_folder_or_a_broken_link_that_is_named_as_a_rule_is_a_mistake(folder) -> None:
    folder.write("a.yaml", GOOD)
    (folder.path / "d.yaml").mkdir()
    (folder.path / "f.yaml").symlink_to("nowhere")
    book = folder.open()
    assert names(book) == ["a"]
    assert folder.told(book) == ["d.yaml: Is a directory",
                                 "f.yaml: no such file"]
    (folder.path / "nowhere").write_text(GOOD)
    book.refresh()
    assert names(book) == ["a", "f"]


@pytest.mark.parametrize("bug", ["12", "'012'", "https://bugs.launchpad.net/bugs/12",
                                 "https://bugs.launchpad.net/nova/+bug/12"])
def test_a_bug_is_the_same_however_it_is_written(folder, bug) -> None:
    folder.write("12.yaml", "query: message:x\n")
    folder.write("a.yaml", GOOD + f"bug: {bug}\n")
    assert folder.told(folder.open()) == ["a.yaml:2:1: bug 12 has a rule in 12.yaml already"]


def test_two_files_for_one_bug_are_told_beside_their_other_mistakes(folder) -> None:
    folder.write("12.yaml", "query: message:x\n")
    folder.write("a.yaml", GOOD + "bug: 12\nwher: {}\n")
    assert [line.partition(";")[0] for line in folder.told(folder.open())] == [
        "a.yaml:3:1: unknown key 'wher'", "a.yaml:2:1: bug 12 has a rule in 12.yaml already"]


def test_a_mistake_is_one_line_whatever_is_in_the_file_and_its_name(folder) -> None:
    folder.write("a\nb.yaml", "a: !%1b%5b31mRED%0aforged:1:1 x\n")
    (line,) = [line for line in map(str, folder.open().mistakes) if "tag" in line]
    assert line.isprintable()
    assert "a b.yaml:1:1: '!' begins a tag" in line


def test_a_file_whose_name_is_not_utf_8_is_told_and_costs_no_other(folder) -> None:
    folder.write("a.yaml", GOOD)
    folder.write("bad\udcff.yaml", GOOD)
    folder.write("c.yaml", GOOD)
    book = folder.open()
    assert names(book) == ["a", "c"]
    assert folder.told(book) == [
        "bad\ufffd.yaml: the file's name has characters that cannot be printed; rename the file"]
    assert folder.logged() == [f"WARNING {folder.told(book)[0]}"]


def test_a_removed_file_is_one_line_whatever_its_name(folder) -> None:
    folder.write("a\n\x1b[31m.yaml", GOOD)
    book = folder.open()
    folder.logged()
    (folder.path / "a\n\x1b[31m.yaml").unlink()
    book.refresh()
    assert folder.logged() == ["INFO a [31m.yaml: removed, with its rule"]


def test_what_a_querys_writer_may_not_have_meant_is_logged_once_and_the_rule_stays_in_force(folder) -> None:
    folder.write("a.yaml", "query: >\n  message:x AND\n  filename:\"console.html\"\n")
    book = folder.open()
    [doubt] = book.doubts
    assert str(doubt).startswith(f"{folder.path}/a.yaml:3:12: ")
    assert (names(book), set(book.queries), book.mistakes) == (["a"], {"a"}, ())
    assert folder.logged() == [f"WARNING {doubt}".replace(f"{folder.path}/", "")]
    book.refresh()
    folder.write("b.yaml", GOOD)
    book.refresh()
    assert folder.logged() == ["INFO b.yaml: added"]
    folder.write("a.yaml", "query: filename:\"console.html\" AND message:x\n")
    book.refresh()
    assert [line.split(": ")[0] for line in folder.logged()] == ["INFO a.yaml", "WARNING a.yaml:1:17"]


def test_a_broken_query_leaves_the_last_good_one_in_force(folder) -> None:
    folder.write("a.yaml", "query: message:x\n")
    book = folder.open()
    before = book.queries["a"]
    folder.write("a.yaml", "query: 'message:\"x'\n")
    book.refresh()
    assert book.queries == {"a": before}
    assert [str(mistake).replace(f"{folder.path}/", "")[:13] for mistake in book.mistakes] == ["a.yaml:1:17: "]


def test_only_what_changed_is_read_again(folder) -> None:
    folder.write("a.yaml", GOOD)
    folder.write("b.yaml", GOOD)
    book = folder.open()
    a, b = book.rules
    book.refresh()
    assert book.rules[1] is b
    folder.write("b.yaml", GOOD.replace("1", "2"))
    book.refresh()
    assert book.rules[0] is a
    assert book.rules[1].bounds[0].max == 2
    assert b.bounds[0].max == 1


def test_a_broken_file_keeps_its_last_good_version(folder) -> None:
    folder.write("a.yaml", GOOD)
    book = folder.open()
    folder.write("a.yaml", "bounds: {a.b: {max: true}}\n")
    book.refresh()
    assert book.rules[0].bounds[0].max == 1
    assert folder.told(book) == ["a.yaml:1:16: 'max' must be a finite number, not true"]
    assert folder.logged() == [
        "WARNING a.yaml: broken; the last good version stays in force",
        "WARNING a.yaml:1:16: 'max' must be a finite number, not true",
    ]
    book.refresh()
    assert folder.logged() == []
    folder.write("a.yaml", "bounds: {a.b: {max: 7}}\n")
    book.refresh()
    assert (book.rules[0].bounds[0].max, book.mistakes) == (7, ())


def test_a_file_that_never_was_good_has_no_rule(folder) -> None:
    folder.write("a.yaml", "bounds: 5")
    book = folder.open()
    assert book.rules == ()
    assert folder.logged() == ["WARNING a.yaml:1:1: 'bounds' must be a mapping of keys to values, not 5"]


def test_a_removed_file_takes_its_rule_along(folder) -> None:
    folder.write("a.yaml", GOOD)
    book = folder.open()
    (folder.path / "a.yaml").unlink()
    book.refresh()
    assert (book.rules, folder.logged()) == ((), ["INFO a.yaml: removed, with its rule"])


def test_a_missing_folder_is_told_once_and_changes_no_rule(folder, tmp_path) -> None:
    folder.path = tmp_path / "queries"
    folder.path.mkdir()
    folder.write("a.yaml", GOOD)
    book = folder.open()
    folder.path.rename(tmp_path / "away")
    book.refresh()
    book.refresh()
    assert names(book) == ["a"]
    missing = f"{folder.path}: no such folder"
    assert [str(mistake) for mistake in book.mistakes] == [missing]
    assert folder.logged() == [f"WARNING {missing}"]
    (tmp_path / "away").rename(folder.path)
    book.refresh()
    assert book.mistakes == ()


def test_two_files_for_one_bug(folder) -> None:
    folder.write("12.yaml", "query: message:x\n")
    folder.write("a.yaml", GOOD + "bug: 12\n")
    book = folder.open()
    assert names(book) == ["12", "a"]
    assert folder.told(book) == ["a.yaml:2:1: bug 12 has a rule in 12.yaml already"]
    assert folder.logged() == ["WARNING a.yaml:2:1: bug 12 has a rule in 12.yaml already"]
    folder.write("b.yaml", GOOD)
    book.refresh()
    assert folder.logged() == ["INFO b.yaml: added"]


def test_two_files_of_one_name(folder) -> None:
    folder.write("a.yaml", GOOD)
    folder.write("a.yml", GOOD.replace("1", "2"))
    book = folder.open()
    assert [rule.bounds[0].max for rule in book.rules] == [1]
    assert folder.told(book) == ["a.yml: a rule of this name is in a.yaml already"]


def test_every_change_of_a_rule_is_logged_once(folder) -> None:
    folder.write("a.yaml", GOOD)
    book = folder.open()
    for text, told in (
        (GOOD.replace("1", "2"), ["INFO b.yaml: added"]),
        (GOOD.replace("1", "3"), ["INFO b.yaml: changed"]),
        (GOOD.replace("1", "3") + "# a remark\n", []),
        ("bounds: 5\n", ["WARNING b.yaml: broken; the last good version stays in force",
                         "WARNING b.yaml:1:1: 'bounds' must be a mapping of keys to values, not 5"]),
        ("bounds: 6\n", ["WARNING b.yaml: broken; the last good version stays in force",
                         "WARNING b.yaml:1:1: 'bounds' must be a mapping of keys to values, not 6"]),
        (GOOD, ["INFO b.yaml: mended"]),
    ):
        folder.write("b.yaml", text)
        book.refresh()
        assert folder.logged() == told
    (folder.path / "b.yaml").unlink()
    folder.write("c.yaml", "bounds: 5\n")
    book.refresh()
    assert folder.logged() == ["INFO c.yaml: added, but broken: it gives no rule",
                               "INFO b.yaml: removed, with its rule",
                               "WARNING c.yaml:1:1: 'bounds' must be a mapping of keys to values, not 5"]
    folder.write("c.yaml", GOOD)
    book.refresh()
    assert folder.logged() == ["INFO c.yaml: mended"]


def test_files_and_folders_each_once(folder) -> None:
    (folder.path / "more").mkdir()
    for name in ("a.yaml", "b.yaml", "more/c.yaml"):
        folder.write(name, GOOD)
    book = RuleBook(folder.path / "more", folder.path / "b.yaml", folder.path, f"{folder.path}/./b.yaml")
    assert (names(book), book.mistakes) == (["c", "b", "a"], ())


def test_a_path_that_is_lost_keeps_its_rules_and_costs_no_other(folder) -> None:
    (folder.path / "more").mkdir()
    folder.write("a.yaml", GOOD)
    folder.write("more/c.yaml", GOOD)
    book = RuleBook(folder.path / "more", folder.path)
    (folder.path / "more").rename(folder.path / "away")
    folder.write("b.yaml", GOOD)
    book.refresh()
    assert names(book) == ["c", "a", "b"]
    assert folder.told(book) == ["more: no such folder"]


def test_what_is_no_rule_is_told(folder) -> None:
    (folder.path / "README.rst").write_text("x")
    assert folder.told(RuleBook(folder.path / "README.rst")) == [
        "README.rst: no folder, and no rule: a rule is named NAME.yaml or NAME.yml"]
    assert folder.told(RuleBook(folder.path / "none.yaml")) == [
        "none.yaml: no such file"]


def test_where_there_is_no_rule_it_is_told_what_there_is(folder) -> None:
    def instead() -> list[str]:
        return [str(mistake).replace(f"{folder.path}", "DIR") for mistake in RuleBook(folder.path).empty()]

    assert instead() == ["DIR: no rule in this folder: it is empty"]
    for name in ("passwd", "hosts", ".hidden.yaml"):
        (folder.path / name).write_text("x")
    assert instead() == [
        "DIR: no rule in this folder, but hosts, passwd; a rule is named NAME.yaml or NAME.yml"]
    (folder.path / "group").write_text("x")
    (folder.path / "queries").mkdir()
    assert instead() == ["DIR: no rule in this folder, but group, hosts, passwd and 1 more; a rule is named "
                         "NAME.yaml or NAME.yml; did you mean DIR/queries?"]
    folder.write("a.yaml", GOOD)
    assert instead() == []
