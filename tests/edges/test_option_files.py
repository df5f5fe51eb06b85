"""Option files, as the mysql client reads them. tests/real holds them against the real programs."""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterbot.collectors import Failed
from counterbot.collectors.mysql.option_files import LARGEST, default_files, options
from counterbot.core.text.inert import inert

CLIENT = ("client", "client-server")


@pytest.fixture
def file(tmp_path):
    def write(text, name="my.cnf"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def values(*paths):
    return {name: option.value for name, option in options(paths, CLIENT).items()}


@pytest.mark.parametrize(("line", "name", "value"), [
    ("user=me", "user", "me"),
    ("  user \t=  me  \r", "user", "me"),
    ("port = 3307", "port", "3307"),
    ("quick", "quick", None),
    ("password=", "password", ""),
    ("password = 100%(x)s", "password", "100%(x)s"),
    ('password = "a b"', "password", "a b"),
    ("password = 'a\"b'", "password", 'a"b'),
    ('password = "half', "password", '"half'),
    ('password = "', "password", '"'),
    ('password = ""', "password", ""),
    ("password = a # a comment", "password", "a"),
    ("password = 'a # b' # a comment", "password", "a # b"),
    ('password = "a\\"#b"', "password", 'a"#b'),
    ("password = a;b", "password", "a;b"),
    ("password = a=b", "password", "a=b"),
    (r"password = a\sb\n\t\\\x", "password", "a b\n\t\\\\x"),
    ("password = end\\", "password", "end\\"),
    ("password = pässwörd", "password", "pässwörd"),
    ("ssl_ca=/ca.pem", "ssl-ca", "/ca.pem"),
    ("loose-ssl_mode=REQUIRED", "ssl-mode", "REQUIRED"),
    ("loose_quick", "quick", None),
    ("user=me\0you", "user", "me"),
])
def test_a_line(file, line, name, value):
    assert values(file(f"[client]\n{line}\n")) == {name: value}


@pytest.mark.parametrize("text", [
    "", "# a\n; b\n\n   \n", "[client]\n#user=a\n;user=b\n  # c\n", "[mysqld]\nuser=a\n", "[ client ]\nuser=a",
    "[client-x]\nuser=a", "!rubbish\n!\n!includes x\n[client]\n", "!include \n!includedir\n",
    "[client]\n!include /no/such/file\n!includedir /no/such/folder\n",
])
def test_nothing_for_us(file, text):
    assert values(file(text)) == {}


def test_the_last_one_wins_whatever_its_group_and_tells_its_file(file):
    first = file("[client]\nuser=a\nhost=x\n[mysqld]\nuser=no\n[client-server ]\nuser=b\n[client]\nport=1\n")
    second = file("[client]\nhost=y\n", "second.cnf")
    found = options([first, "/no/such/file", second], CLIENT)
    assert {name: (option.value, option.path) for name, option in found.items()} == {
        "user": ("b", first), "port": ("1", first), "host": ("y", second)}


def test_includes_stand_where_they_are_written(file, tmp_path):
    (tmp_path / "d").mkdir()
    file("[client]\nuser=from-b\nport=2\n", "d/b.cnf")
    file("[client]\nuser=from-a\nhost=a\n", "d/a.cnf")
    file("[client]\nuser=no\n", "d/c.conf")
    (tmp_path / "d/folder.cnf").mkdir()
    one = file("[client]\nsocket=/s\nport=9\n", "one.cnf")
    top = file(f"[client]\nuser=top\nport=1\n!include {one} \n  ! includedir\t{tmp_path / 'd'}\nhost=still-client\n")
    assert values(top) == {"user": "from-b", "port": "2", "host": "still-client", "socket": "/s"}


def test_a_mistake_in_an_included_file_ends_that_file_alone(file, tmp_path):
    inner = file("[client]\nuser=inner\n[client\nuser=no\n", "inner.cnf")
    assert values(file(f"[client]\n!include {inner}\nhost=h\n")) == {"user": "inner", "host": "h"}


def test_files_that_include_themselves_end(file, tmp_path):
    assert values(file(f"[client]\nuser=a\n!include {tmp_path / 'my.cnf'}\n")) == {"user": "a"}


@pytest.mark.parametrize(("text", "place", "what"), [
    ("user=a\n", ":1: ", "put a line [client] above it"),
    ("[client]\nuser=a\n[client\n", ":3: ", "write it as [client]"),
])
def test_what_the_client_refuses_is_told_with_its_place(file, text, place, what):
    path = file(text)
    with pytest.raises(Failed) as failed:
        values(path)
    assert str(failed.value).startswith(path + place)
    assert what in str(failed.value)


def test_no_value_is_in_a_message(file):
    with pytest.raises(Failed) as failed:
        values(file("password=opensesame\n"))
    assert "opensesame" not in str(failed.value)


def test_what_everyone_may_write_is_not_read(file):
    path = file("[client]\nuser=a\n")
    os.chmod(path, 0o646)
    assert values(path) == {}
    os.chmod(path, 0o664)
    assert values(path) == {"user": "a"}


def test_what_is_no_file_is_left_out(tmp_path):
    assert values(str(tmp_path), "/dev/null", str(tmp_path / "none")) == {}


def test_of_a_huge_file_the_beginning_is_read(file):
    assert values(file("[client]\nuser=a\n" + "# x\n" * (LARGEST // 4) + "user=b\n")) == {"user": "a"}


def test_where_files_are_looked_for(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert default_files({}) == ["/etc/my.cnf", "/etc/mysql/my.cnf", "/home/me/.my.cnf"]
    assert default_files({"MYSQL_HOME": "/opt/db"}) == [
        "/etc/my.cnf", "/etc/mysql/my.cnf", "/opt/db/my.cnf", "/home/me/.my.cnf"]


SPECIAL = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", '"': '\\"', "'": "\\'", "\\": "\\\\"}


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_quoted_value_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "quoted.cnf"
    quoted = "".join(SPECIAL.get(sign, sign) for sign in value)
    path.write_bytes(f'[client]\nuser=a\npassword = "{quoted}" # mine\nhost=b\n'.encode())
    assert values(str(path)) == {"user": "a", "password": value, "host": "b"}


LINES = st.lists(st.sampled_from([
    "[client]", "[", "]", "user", "=", "\\", "'", '"', "#", ";", "!include ", "!includedir ", "/", "my.cnf", "\n", " ",
    "loose-", "\0", "\r", "é", "\xa0"]))


@example(b"!includedir \x01\x0b\x01")
@given(st.binary() | LINES.map(lambda parts: "".join(parts).encode()))
def test_any_text_gives_options_or_one_line(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.cnf"
    path.write_bytes(text)
    try:
        found = values(str(path))
    except Failed as failed:
        found = {str(failed): ""}
        assert all(inert(line, 2000) == line for line in found)
    assert all(isinstance(name, str) and (value is None or isinstance(value, str)) for name, value in found.items())
