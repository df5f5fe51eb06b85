"""Option files, as the mysql client reads them. tests/real holds them against the real programs."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterbot.collectors import Failed
from counterbot.collectors.mysql.option_files import entries, options

CLIENT = ("client", "client-server")


@pytest.fixture
def file(tmp_path):
    def write(text, name="my.cnf"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def values(*paths):
    return {name: option.value for name, option in entries(paths, CLIENT)}


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
    ("loose-ssl_mode=REQUIRED", "loose-ssl-mode", "REQUIRED"),
    ("loose_quick", "loose-quick", None),
    ("SSL_Ca=/Ca.pem", "ssl-ca", "/Ca.pem"),
])
def test_a_line(file, line, name, value):
    assert values(file(f"[client]\n{line}\n")) == {name: value}


@pytest.mark.parametrize(("line", "name", "value"), [
    ("pass=x", "password", "x"),
    ("passw=x", "password", "x"),
    ("sock=/s", "socket", "/s"),
    ("so=/s", "socket", "/s"),
    ("us=me", "user", "me"),
    ("ho=db", "host", "db"),
    ("po=3307", "port", "3307"),
    ("prot=tcp", "protocol", "tcp"),
    ("ssl", "ssl", None),
    ("ssl-k=/k", "ssl-key", "/k"),
    ("ssl_v", "ssl-verify-server-cert", None),
    ("loose-ssl_mode=REQUIRED", "ssl-mode", "REQUIRED"),
    ("loose-sock=/s", "socket", "/s"),
    ("skip-ssl", "ssl", "0"),
    ("skip_ssl=0", "ssl", "1"),
    ("disable-ssl", "ssl", "0"),
    ("enable-ssl", "ssl", "1"),
    ("disable-ssl-verify", "ssl-verify-server-cert", "0"),
    ("loose-skip-ssl", "ssl", "0"),
    ("skip-password", "password", ""),
])
def test_a_name_by_its_unique_beginning(file, line, name, value):
    path = file(f"[client]\n{line}\n")
    assert {name: option.value for name, option in options([path], CLIENT).items()} == {name: value}


@pytest.mark.parametrize("line", ["passs=x", "prompt=x", "prom=x", "database=nova", "skip-column-names", "quick", "=x",
                                  "x", "hos t=a"])
def test_what_is_no_option_of_ours(file, line):
    assert options([file(f"[client]\n{line}\n")], CLIENT) == {}


@pytest.mark.parametrize(("line", "names"), [
    ("p=x", "pager or password or pipe or plugin-dir or port or print-defaults"),
    ("pro=tcp", "progress-reports or prompt or protocol"),
    ("ssl-c=/c", "ssl-ca or ssl-capath or ssl-cert or ssl-cipher"),
    ("skip-ss", "ssl or ssl-ca or"),
])
def test_a_beginning_of_several_names_is_told(file, line, names):
    path = file(f"[client]\n{line}\n")
    with pytest.raises(Failed, match=f"in {path} may mean {names}.*; write the name in full$"):
        options([path], CLIENT)


def test_of_a_name_and_its_beginning_the_last_wins(file):
    path = file("[client]\npass=a\npassword=b\npass=c\nuser=x\nus=y\n")
    assert {name: option.value for name, option in options([path], CLIENT).items()} == {"password": "c", "user": "y"}


@pytest.mark.parametrize("text", [
    "", "# a\n; b\n\n   \n", "[client]\n#user=a\n;user=b\n  # c\n", "[mysqld]\nuser=a\n", "[ client ]\nuser=a",
    "[client-x]\nuser=a", "user=a\n[client]\n", "[client\n",
    "!rubbish\n!\n!includes x\n[client]\n", "!include \n!includedir\n",
    "[client]\n!include /no/such/file\n!includedir /no/such/folder\n",
])
def test_nothing_for_us(file, text):
    assert values(file(text)) == {}


def test_the_last_one_wins_whatever_its_group_and_tells_its_file(file):
    first = file("[client]\nuser=a\nhost=x\n[mysqld]\nuser=no\n[client-server ]\nuser=b\n[Client]\nport=1\n")
    second = file("[client]\nhost=y\n", "second.cnf")
    found = options([first, "/no/such/file", second], CLIENT)
    assert {name: (option.value, option.source) for name, option in found.items()} == {
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


def test_files_that_include_themselves_end(file, tmp_path):
    assert values(file(f"[client]\nuser=a\n!include {tmp_path / 'my.cnf'}\n")) == {"user": "a"}


def test_what_everyone_may_write_is_not_read(file):
    path = file("[client]\nuser=a\n")
    os.chmod(path, 0o646)
    assert values(path) == {}
    os.chmod(path, 0o664)
    assert values(path) == {"user": "a"}


def test_what_is_no_file_is_left_out(tmp_path):
    assert values(str(tmp_path), "/dev/null", str(tmp_path / "none")) == {}



SPECIAL = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\b": "\\b", '"': '\\"', "'": "\\'", "\\": "\\\\"}


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_quoted_value_comes_back(tmp_path_factory, value):
    path = tmp_path_factory.getbasetemp() / "quoted.cnf"
    quoted = "".join(SPECIAL.get(sign, sign) for sign in value)
    path.write_bytes(f'[client]\nuser=a\npassword = "{quoted}" # mine\nhost=b\n'.encode())
    assert values(str(path)) == {"user": "a", "password": value, "host": "b"}
