"""Posts reviews directly: for each the query and the review that the bot sends too, over one SSH connection.

What the outside alone costs. It must not use the bot's own clients. Arguments: host, port, key file. Each line
of stdin is a JSON list of ``[project, change, patchset, ReviewInput]``; a line on stdout says that all are posted.
"""

from __future__ import annotations

import json
import socket
import sys

import paramiko


def run(transport: paramiko.Transport, command: str, stdin: bytes = b"") -> bytes:
    """One command to its end. Raises RuntimeError where its status is not 0."""
    channel = transport.open_session()
    channel.exec_command(command)
    channel.sendall(stdin)
    channel.shutdown_write()
    out = b"".join(iter(lambda: channel.recv(1 << 16), b""))
    status = channel.recv_exit_status()
    channel.close()
    if status != 0:
        raise RuntimeError(f"{command}: status {status}")
    return out


def main() -> None:
    host, port, key = sys.argv[1:]
    sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(sock)
    transport.connect(username="counterbot", pkey=paramiko.Ed25519Key.from_private_key_file(key))
    run(transport, "gerrit version")
    print("ready", flush=True)
    for line in sys.stdin:
        for project, change, patchset, review in json.loads(line):
            run(transport, f"gerrit query --format=JSON --comments change:{change}")
            run(transport, f"gerrit review --json --project {project} {change},{patchset}", json.dumps(review).encode())
        print("posted", flush=True)


if __name__ == "__main__":
    main()
