"""The version is the git tag's, in what is built and in what it says of itself; without git too."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command, cwd, **more):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHONPATH"))}
    return subprocess.run([*map(str, command)], cwd=cwd, env={**environment, **more}, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def git(folder, *arguments):
    return run("git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments, cwd=folder)


def version(folder):
    """What setup.py says, after it has built."""
    run(sys.executable, "setup.py", "-q", "build", cwd=folder)
    told = run(sys.executable, "-m", "counterbot", "--version", cwd=folder / "build/lib")
    built = run(sys.executable, "setup.py", "-q", "--version", cwd=folder).splitlines()[-1]
    assert told == f"counterbot, version {built}"
    return built


@pytest.fixture
def clone(tmp_path):
    """A repository of what the command line needs, without a tag."""
    folder = tmp_path / "clone"
    for name in ("core", "cli"):
        shutil.copytree(ROOT / "counterbot" / name, folder / "counterbot" / name,
                        ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "README.rst", ".gitignore", ".gitattributes", ".git_archival.txt",
                 "counterbot/__init__.py", "counterbot/__main__.py"):
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "x")
    return folder


def test_without_a_tag_it_is_a_development_version(clone):
    assert f".dev1+g{git(clone, 'rev-parse', '--short=7', 'HEAD')}" in version(clone)
    assert git(clone, "status", "--short") == ""


def test_it_is_the_tags(clone, tmp_path):
    git(clone, "tag", "7.8.9")
    assert version(clone) == "7.8.9"
    run(sys.executable, "setup.py", "-q", "sdist", "-d", tmp_path, cwd=clone)
    git(clone, "archive", "HEAD", "--prefix=archive/", "-o", tmp_path / "archive.tar")
    for name in ("counterbot-7.8.9.tar.gz", "archive.tar"):
        with tarfile.open(tmp_path / name) as archive:
            archive.extractall(tmp_path, filter="data")
    assert version(tmp_path / "counterbot-7.8.9") == "7.8.9"
    assert version(tmp_path / "archive") == "7.8.9"
    git(clone, "commit", "-q", "--allow-empty", "-m", "y")
    assert version(clone).startswith("7.8.10.dev1+g")


def test_a_copy_without_git_has_one_too(clone):
    shutil.rmtree(clone / ".git")
    assert version(clone) == "0.dev0"


def test_a_checkout_runs_without_being_built(clone):
    assert run(sys.executable, "-m", "counterbot", "--version", cwd=clone) == "counterbot, version 0.dev0"
