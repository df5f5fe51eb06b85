"""What the tests' own servers share."""

import socket
import threading
from collections.abc import Callable


def served(listener: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    """A thread for each connection, until the listener is shut down. Comes back at once."""

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(sock,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
