"""What the servers are made of: programs, a Java, Gerrit's jars. As a script: prints the Java or the jars missing.

Downloads nothing and starts no server. Standard library only, since it runs before anything is installed.

There is no gerrit.war in Maven Central, but the two Gerrit jars hold the whole daemon. They leave Bouncy Castle out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

VERSION = "3.13.5"
JAVA = 21
"""The jars' class files are of version 65."""

JARS = (
    f"com.google.gerrit:gerrit-acceptance-framework:{VERSION}",
    f"com.google.gerrit:gerrit-plugin-api:{VERSION}",
    "org.bouncycastle:bcprov-jdk18on:1.78.1",
    "org.bouncycastle:bcpkix-jdk18on:1.78.1",
    "org.bouncycastle:bcutil-jdk18on:1.78.1",
    "org.bouncycastle:bcpg-jdk18on:1.78.1",
)


class Missing(Exception):
    """A program or file that a server needs is not on this machine; the text says which, and how to get it."""


def program(name: str) -> str:
    """The path of a program. Servers live in sbin, which an ordinary user's PATH leaves out. Raises Missing."""
    found = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if not found:
        raise Missing(f"{name} is not installed; run .ci/servers as root")
    return found


def jar_path(jar: str) -> Path:
    """Where Maven puts ``group:name:version``."""
    group, name, version = jar.split(":")
    return Path.home() / ".m2/repository" / group.replace(".", "/") / name / version / f"{name}-{version}.jar"


def missing_jars() -> list[str]:
    """The coordinates of the jars that Maven has not fetched yet."""
    return [jar for jar in JARS if not jar_path(jar).is_file()]


def jar_paths() -> list[Path]:
    """The jars in the order of the class path: Gerrit's before Bouncy Castle's. Raises Missing."""
    if missing := missing_jars():
        raise Missing(f"not in ~/.m2: {', '.join(missing)}; run .ci/servers")
    return [jar_path(jar) for jar in JARS]


def java() -> str:
    """The path of a JDK's ``java``, 21 or later; the compiler is needed for Launch.java. Raises Missing."""
    for path in _javas():
        if _release(path) >= JAVA and "jdk.compiler" in _output(path, "--list-modules"):
            return str(path)
    raise Missing(f"no JDK {JAVA} or later in PATH, JAVA_HOME or /usr/lib/jvm; Gerrit {VERSION} needs one")


def _javas() -> Iterator[Path]:
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin/java")
    if found := shutil.which("java"):
        yield Path(found)


def _release(path: Path) -> int:
    said = re.search(r'version "(\d+)', _output(path, "-version"))  # the first digits of Java 8 are 1
    return int(said[1]) if said else 0


def _output(*command: str | Path) -> str:
    try:
        return subprocess.run(command, text=True, stdout=-1, stderr=subprocess.STDOUT, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def main(what: str) -> None:
    """Print what .ci/servers asks for: ``java`` or ``missing-jars``."""
    try:
        lines = {"java": lambda: [java()], "missing-jars": missing_jars}[what]()
    except Missing as why:
        sys.exit(f"{why}")
    print(*lines, sep="\n", end="\n" if lines else "")


if __name__ == "__main__":
    main(*sys.argv[1:])
