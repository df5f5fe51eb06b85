"""The configuration of elastic-recheck's bot becomes ours."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from counterbot.cli import main
from counterbot.core.model import Tell
from counterbot.files.config import Config, read_config

SAMPLES = Path(__file__).parents[1] / "samples"
BOT = SAMPLES / "recheckwatchbot"


def run(path: Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["config", "import-elastic-recheck", str(path)])
    return result.exit_code, result.stdout, result.stderr


def test_the_channels_and_messages():
    status, text, _ = run(BOT / "recheckwatchbot.yaml")
    assert (status, text.split("\n", 1)[1]) == (0, """\
# "counterbot config sample" explains every key, and has those that elastic-recheck did not have.

irc:
  # host: elastic-recheck has it in its INI file, as 'server' in [ircbot]
  # nick: likewise
  # 'projects' are those of the change; elastic-recheck's were those of the bug in Launchpad. To tell a channel of
  # a bug in whatever project it is met, leave out 'projects' there, and name the channel in the bug's rule:
  # 'report: {irc: ["#CHANNEL"]}'. A rule without it tells every channel.
  channels:
    '#openstack-nova':
      projects: ['*/nova']
      tell: [known]
      failures_in: [gate]
    '#openstack-glance':
      projects: ['*/glance']
      tell: [known]
      failures_in: [gate]
    '#openstack-qa':
      tell: [known, unexplained]
      failures_in: [gate]

known:
  # As elastic-recheck's pages.
  days: 10

# The comment's words are fixed. In place of elastic-recheck's messages it has:
#   found_bug: the table of the comment
#   footer: nothing
#   recheck_instructions: 'Every failure is known: comment "recheck bug N" …'
#   unrecognized: 'Not every failure is known: look at JOB …'
#   no_bugs_found: nothing: where nothing is known, no comment is posted
""")


def test_the_ini_file_with_the_channels_it_names(tmp_path):
    ini = (BOT / "elasticRecheck.conf.sample").read_text().replace("/home/mtreinish/elasticRecheck/", "")
    (tmp_path / "er.conf").write_text(ini.replace("pass=", "pass=hunter2\npidfile=/run/er.pid\nold=1"))
    shutil.copy(BOT / "recheckwatchbot.yaml", tmp_path)
    status, text, _ = run(tmp_path / "er.conf")
    assert status == 0
    assert "hunter2" not in text
    assert "query:query" not in text
    assert text.split("\n\n")[1:4] == [
        "gerrit:\n  host: review.openstack.org\n  username: treinish\n  key_file: /home/mtreinish/.ssh/id_rsa",
        "zuul:\n  accounts: [jenkins, zuul]",
        "# elastic-recheck's folder can be used as it is.\nrules: queries"]
    assert "irc:\n  host: irc.freenode.net\n  port: 6667\n  tls: false\n  nick: RecheckWatchBot\n" in text
    assert text.endswith("""
# Keys of the INI file that are left out:
#   [ircbot] pass: NickServ's password: write it to a file, and name that in 'irc.sasl'
#   [ircbot] pidfile: not needed: see the systemd unit in the operator's manual
#   [ircbot] old: no key of elastic-recheck's bot
#   [recheckwatch] jobs_re: the jobs that are read are those of the rules: 'where: {job: […]}' in a rule
#   [data_source] es_url: not needed: the logs themselves are read
#   [data_source] ls_url: not needed
#   [data_source] db_uri: not needed: failed tests are read from the build's subunit stream
#   [data_source] index_format: not needed
""")


def test_what_comes_out_is_a_configuration_with_what_elastic_recheck_did_not_have(tmp_path):
    ini = (BOT / "elasticRecheck.conf.sample").read_text().replace("/home/mtreinish/elasticRecheck/r", "r")
    (tmp_path / "er.conf").write_text(ini)
    shutil.copy(BOT / "recheckwatchbot.yaml", tmp_path)
    text = run(tmp_path / "er.conf")[1].replace(
        "  accounts:", "  url: https://zuul.example.org\n  logs: [https://storage.example.org/]\n  accounts:")
    config = read_config(f"{text}\ndatabase: sqlite:///x.db\n".encode(), "c.yaml")
    assert isinstance(config, Config), config
    assert config.irc is not None
    nova, qa = config.irc.channels["#openstack-nova"], config.irc.channels["#openstack-qa"]
    assert (nova.projects, nova.tell, nova.failures_in) == (("*/nova",), (Tell.KNOWN,), ("gate",))
    assert (qa.projects, qa.tell) == (None, (Tell.KNOWN, Tell.UNEXPLAINED))


@pytest.mark.parametrize(
    ("ini", "trouble"),
    [
        ("[ircbot]\nnick=x\n", "'channel_config' is missing in [ircbot]: it names their file"),
        ("# x\n\n[ircbot]\nchannel_config=/no/where.yaml",
         "their file /no/where.yaml is not here: run this command on it"),
    ],
)
def test_an_ini_file_whose_channels_are_elsewhere(tmp_path, ini, trouble):
    (tmp_path / "er.conf").write_text(ini)
    status, text, _ = run(tmp_path / "er.conf")
    assert status == 0
    assert f"\n  # channels: {trouble}\n" in text


def test_the_channels_as_they_stood_at_first():
    status, text, _ = run(BOT / "at-first.yaml")
    assert status == 0
    assert "    '#openstack-glance':\n      projects: ['*/glance']\n" in text
    assert "messages" not in text


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("channels:\n  qa:\n    projects: [all]\n    events: [positiv]\n",
         ["4:14: item 1 of 'events' must be positive or negative, not text 'positiv'"]),
        ("channels:\n  qa:\n    projects: [all]\n", ["2:3: missing key 'events'"]),
        ("qa:\n  event: [positive]\n", ["2:3: unknown key 'event'; did you mean 'events'?"]),
        ("channels:\n  qa: {events: []}\n", ["2:8: 'events' must have at least one item"]),
        ("channels:\n  q a: {events: [positive]}\n",
         ["2:3: 'q a' must be a channel's name, such as '#openstack-qa'"]),
        ("channels: {}\n", ["1:1: 'channels' must have at least one item"]),
        ("channels:\n  qa: {events: [positive]}\nmessage: {}\n",
         ["3:1: unknown key 'message'; did you mean 'messages'?"]),
        ("qa:\n  - [\n",
         ["3:1: not YAML: while parsing a flow node, expected the node content, but found '<stream end>'"]),
        ("[ircbot]\nnick=x\nsecret\n", ["3:1: must be KEY=VALUE"]),
    ],
)
def test_mistakes(tmp_path, text, mistakes):
    path = tmp_path / "bot"
    path.write_text(text)
    assert run(path) == (1, "", "".join(f"{path}:{mistake}\n" for mistake in mistakes))


def test_a_file_that_is_missing(tmp_path):
    assert run(tmp_path / "no") == (1, "", f"{tmp_path / 'no'}: no such file\n")
