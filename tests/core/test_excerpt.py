"""What is shown of a log line: short, inert, and without what looks like a credential."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterbot.core import limits
from counterbot.core.text.excerpt import excerpt

UUID = "1a2b3c4d-5e6f-7a8b-9c0d-1e2f3a4b5c6d"
SECRET = "Hunter2-Hunter2"
BASE64 = "QWxhZGRpbjpvcGVuIHNlc2FtZTEyMzQ1Njc4OTAr" * 256

PLACES = [
    "password={}", "password: {} and more", "adminPass='{}'", '{{"password": "{}", "name": "demo"}}', "secret = {}",
    "{{'auth_token': u'{}', 'id': 7}}", '\\"password\\": \\"{}\\", \\"name\\"', "('secret_key', '{}')",
    "admin_password => {}", "<password>{}</password>", "MYSQL_PWD={} mysqldump nova", "OS_PASSWORD={}", "api_key={}",
    "openstack --os-password {} server list", "--password='{}'", "mysql -uroot -p{} -h127.0.0.1 nova",
    "Authorization: Bearer {}", "'Authorization': 'Basic {}'", 'Authorization: Digest username="u", response="{}"',
    "AWS4-HMAC-SHA256 Credential=x, Signature={}", 'curl -H "X-Auth-Token: {}" http://h/', "X-Subject-Token: {}",
    "Cookie: a=1; session={}", "mysql+pymysql://root:{}@127.0.0.1/nova?charset=utf8",
    "rabbit://stackrabbit:{}@h:5672/", "GRANT ALL ON nova.* TO 'root'@'%' identified by '{}'",
    "SET PASSWORD = PASSWORD('{}')", "http://h/v1/c/o?temp_url_sig={}&temp_url_expires=1", "db_pass: {}", "pwd={}",
    "\x1b[31mpassword\x1b[0m=\x1b[1m{}", "pass\u200bword={}",
]
SHAPES = [
    "gAAAAABlZ3VhbGx5LW5vdC1hLXRva2Vu", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "AKIAIOSFODNN7EXAMPLE",
    "-----BEGIN RSA PRIVATE KEY----- MIIEow -----END RSA PRIVATE KEY-----",
    "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3Bl", "ghp_0123456789abcdefghijABCDEFGHIJ012345",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_credential_is_masked_where_its_name_announces_it(place):
    shown = excerpt(place.format(SECRET))
    assert "***" in shown
    assert "Hunter2" not in shown


@pytest.mark.parametrize("shape", SHAPES)
def test_or_its_shape(shape):
    assert excerpt(f"keystone said {shape}") == "keystone said ***"


@pytest.mark.parametrize("line", [
    f"ERROR nova.compute.manager [None req-{UUID} demo demo] [instance: {UUID}] Timed out waiting for a reply",
    "PWD=/opt/stack/nova", "password=None, token=", "invalid password for user demo", "a token ring, a secret garden",
    "b6589fc6ab0dc82cf12099d1c2d40ab994e8410c", "sha256:" + "0123456789abcdef" * 4, "2 passed, 3 failed; bypass: 7",
    "/srv/executor/builds/e7399332667b42ffabfe9ae67a7f2389/work/src/opendev.org/openstack/tempest/Test1/api/compute/v2",
    "tempest.api.compute.test_servers.ServersTest.test_create_server_with_scheduler_hint_group_anti_affinity_Twice2",
    "mysql -uroot -h127.0.0.1; docker run -p8080:80 x", "http://controller:8774/v2.1/servers?user=a@b", "a" * 128,
])
def test_what_people_search_for_stays(line):
    assert excerpt(line) == line


@pytest.mark.parametrize(("line", "shown"), [
    (f"data: {BASE64} end", "data: QWxhZGRp… (10,240 characters) end"),
    ("key " + "0a" * 5000, "key 0a0a0a0a… (10,000 characters)"),
    ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj", "MIIEvQIB… (64 characters)"),
    ("\x1b[1;31mERROR\x1b[0m \x1b]0;title\x07one\ttwo #033[00mthree", "ERROR one two three"),
    ("caf\N{REPLACEMENT CHARACTER}", "caf\N{REPLACEMENT CHARACTER}"),
])
def test_other_lines(line, shown):
    assert excerpt(line) == shown


def test_a_line_of_50_mb_is_cut_before_it_is_looked_at():
    assert excerpt("word " * 10_000_000) == ("word " * 60)[:297].rstrip() + "…"


def test_a_long_number_behind_a_name_is_not_searched_in_all_ways():
    before = time.process_time()
    assert excerpt(f"token{'1' * 30} x") == f"token{'1' * 30} x"
    assert time.process_time() - before < 5


@pytest.mark.parametrize("kept", range(0, 40, 3))
def test_a_credential_at_the_cut_does_not_show_its_beginning(kept):
    line = "0a" * ((limits.EXCERPT_SOURCE - kept) // 2 - 1) + f" https://u:{SECRET}@h/"
    assert "Hunter" not in excerpt(line)


PIECES = st.one_of(st.sampled_from([piece for place in PLACES for piece in place.format(SECRET).split(" ")]),
                   st.sampled_from(SHAPES), st.text(max_size=12),
                   st.sampled_from([BASE64, "…", "*", "=", ":", "'", '"']))


@given(st.lists(PIECES, max_size=12).map(" ".join), st.integers(0, 400))
@example("password=abc", 11)
@example("token: abc", 8)
def test_it_is_short_and_the_same_again(line, limit):
    shown = excerpt(line, limit)
    assert len(shown.encode()) <= limit
    assert excerpt(shown, limit) == shown


@given(st.sampled_from(PLACES), st.text("abcXYZ019-_.+%!", min_size=8, max_size=40), st.text(max_size=300), st.text())
def test_no_credential_survives(place, secret, before, after):
    secret = f"s{secret}e"
    line = f"{before} {place.format(secret)} {after}"
    assert secret not in excerpt(line, 10_000)
