"""What the operator's page calls and a bare machine lacks: OpenSSH's programs and systemd's.

They do what the page needs of them, for an account without root's rights: ``MACHINE`` is the folder that stands for the
machine's root. Run as ``python -m tests.standins NAME ARGUMENT…``.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import paramiko
from paramiko.hostkeys import HostKeys

from counterbot.demo.sshd import make_key

MACHINE = Path(os.environ["MACHINE"])
ROOT = Path(__file__).parents[1]


def parsed(arguments, options, *positional):
    parser = argparse.ArgumentParser()
    for option in options:
        parser.add_argument(f"-{option}")
    for name in positional:
        parser.add_argument(name, nargs=argparse.REMAINDER if name == "command" else None)
    return parser.parse_args(arguments)


def ssh(arguments):
    """Without ``-i`` it is the administrator, with root's key and known hosts."""
    given = parsed(arguments, "iop", "place", "command")
    user, _, host = given.place.rpartition("@")
    client = paramiko.SSHClient()
    known = given.o.partition("=")[2] if given.o else MACHINE / "root/known_hosts"
    client.get_host_keys().update(HostKeys(str(known)))
    client.connect(host, int(given.p), user or "admin", key_filename=given.i or str(MACHINE / "root/id"),
                   allow_agent=False, look_for_keys=False)
    channel = client.get_transport().open_session()
    channel.exec_command(" ".join(given.command))
    if not sys.stdin.isatty():
        channel.sendall(sys.stdin.buffer.read())
    channel.shutdown_write()
    while data := channel.recv(1 << 16):
        os.write(1, data)
    return channel.recv_exit_status()


def ssh_keygen(arguments):
    if arguments[0] == "-lf":
        [line] = Path(arguments[1]).read_text().splitlines()
        print(paramiko.hostkeys.HostKeyEntry.from_line(line).key.fingerprint)
    else:
        given = parsed([each for each in arguments if each != "-q"], "tNCf")
        Path(f"{given.f}.pub").write_text(f"{make_key(given.f)} {given.C}\n")


def ssh_keyscan(arguments):
    given = parsed(arguments, "pt", "host")
    transport = paramiko.Transport((given.host, int(given.p)))
    transport.start_client()
    key = transport.get_remote_server_key()
    print(f"[{given.host}]:{given.p} {key.get_name()} {key.get_base64()}")
    transport.close()


def python3(arguments):
    """Instead of an environment that pip fills from the network: the code as it is here."""
    program, page = Path(arguments[2]) / "bin/counterbot", Path(arguments[2]) / "share/man/man1/counterbot.1"
    for file in (program, page):
        file.parent.mkdir(parents=True)
    page.write_bytes((ROOT / "docs/counterbot.1").read_bytes())
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m counterbot "$@"\n')
    (program.parent / "pip").write_text(f"#!/bin/sh\nchmod 755 {program}\n")
    (program.parent / "pip").chmod(0o755)


def systemd_sysusers(arguments):
    assert re.search(r"^u counterbot ", (MACHINE / "etc/sysusers.d" / arguments[0]).read_text(), re.M)


def systemd_tmpfiles(arguments):
    for line in (MACHINE / "etc/tmpfiles.d" / arguments[1]).read_text().splitlines():
        if line.startswith("d "):
            folder = MACHINE / line.split()[1].lstrip("/")
            folder.mkdir(parents=True)
            folder.chmod(int(line.split()[2], 8))


def chown(arguments):
    assert Path(arguments[1]).exists()


def runuser(arguments):
    os.execvp(arguments[3], arguments[3:])


def systemctl(arguments):
    """Start the unit as systemd would, its log in a file and its pid in another."""
    unit = (MACHINE / "etc/systemd/system" / f"{arguments[-1]}.service").read_text()
    user, command = (re.search(rf"^{key}=(.*)", unit, re.M)[1] for key in ("User", "ExecStart"))
    command = re.sub(r"(?<=[ =])/|^/", f"{MACHINE}/", command)
    with (MACHINE / "service.log").open("wb") as log:
        process = subprocess.Popen(["runuser", "-u", user, "--", *command.split()], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True)
    (MACHINE / "service.pid").write_text(str(process.pid))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # without a traceback
    sys.exit(globals()[sys.argv[1].replace("-", "_")](sys.argv[2:]))
