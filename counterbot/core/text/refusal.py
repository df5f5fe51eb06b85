"""Says why the system refused a file, in the same words everywhere."""

from __future__ import annotations


def refusal(error: OSError) -> str:
    """What follows the file's name and a colon."""
    return "no such file" if error.strerror == "No such file or directory" else str(error.strerror)
