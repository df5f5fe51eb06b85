"""The files of a change, asked of a Gerrit on loopback."""

import pytest

from counterbot.clients.gerrit import Rejected, Unreachable
from counterbot.clients.gerrit.over_ssh import OverSsh
from counterbot.clients.ssh import Server, connect
from counterbot.demo.sshd import make_key
from tests.gerrit_server import Gerrit

PROJECT = "openstack/nova"
FILES = ("nova/utils.py", "nova/old.py => nova/new.py", "doc/ü b.rst")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return tmp_path_factory.mktemp("keys") / "bot"


@pytest.fixture
def gerrit(key):
    with Gerrit({make_key(key): "bot"}) as server:
        server.add_change(PROJECT, 7, patchsets=2, files=FILES)
        yield server


@pytest.fixture
def client(gerrit, key):
    server = Server(host=gerrit.host, port=gerrit.port, host_key=gerrit.host_key, username="bot", key_file=str(key))
    client = OverSsh(lambda: connect(server))
    yield client
    client.close()


def test_the_files_of_the_latest_patch_set(gerrit, client):
    assert client.files(7, PROJECT, 2) == ("nova/utils.py", "nova/new.py", "nova/old.py", "doc/ü b.rst")
    assert gerrit.commands == ["gerrit query --format=JSON --current-patch-set --files change:7"]


@pytest.mark.parametrize(
    ("change", "project", "patchset"), [(7, PROJECT, 1), (7, "openstack/cinder", 2), (8, PROJECT, 2)])
def test_of_another_patch_set_they_are_not_known(client, change, project, patchset):
    assert client.files(change, project, patchset) is None


def test_a_change_without_files_has_none(gerrit, client):
    gerrit.add_change(PROJECT, 9)
    assert client.files(9, PROJECT, 1) == ()


def test_a_gerrit_that_does_not_tell(gerrit, client):
    gerrit.may_query = False
    with pytest.raises(Rejected, match="query not permitted"):
        client.files(7, PROJECT, 2)
    gerrit.close()
    with pytest.raises(Unreachable):
        client.files(7, PROJECT, 2)
