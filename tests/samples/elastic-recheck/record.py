"""Copies elastic-recheck's queries and records what the old engine answers: ``record.py REPOSITORY`` (SOURCES.md tells
what else it needs)."""

import json
import subprocess
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.fingerprints.real_queries import documents_of  # noqa: E402

HEAD = "a2ef48a"
UNIT = "elastic_recheck/tests/unit/"


def copied(repository):
    """The newest version of each file there ever was in queries/, and the unit tests' last ones: file -> query."""

    def git(*command):
        return subprocess.run(["git", "-C", repository, *command], capture_output=True, text=True, check=True).stdout

    found, commit = {}, ""
    for line in git("log", HEAD, "--format=@%H", "--name-only", "--diff-filter=AM", "--no-renames").splitlines():
        if line.startswith("@"):
            commit = line[1:]
        elif line.startswith("queries/") and line.endswith(".yaml") and line not in found:
            found[line] = commit
    at_head = git("ls-tree", "-r", "--name-only", HEAD, UNIT).splitlines()
    found |= {path: HEAD for path in at_head if path.endswith(".yaml") and "quer" in path}
    queries = {path: yaml.safe_load(git("show", f"{commit}:{path}"))["query"] for path, commit in sorted(found.items())}
    last = [path for path in git("ls-tree", "-r", "--name-only", HEAD, "queries/").splitlines() if path in found]
    return queries, last


def asked(program, *lists):
    """What a program of oracle/ answers to lists of JSON lines."""
    names = [f"{number}.jsonl" for number in range(len(lists))]
    for name, rows in zip(names, lists, strict=True):
        (HERE / "oracle" / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = ("java.base/java.lang", "java.base/java.nio", "java.base/sun.nio.ch", "java.base/java.util",
              "java.management/sun.management")
    subprocess.run(["java", "-Xmx1g", *(f"--add-opens={module}=ALL-UNNAMED" for module in opened),
                    "-cp", "patched:.:lib/*", program, *names, "answers.jsonl"],
                   cwd=HERE / "oracle", check=True, capture_output=True)
    return [json.loads(line) for line in (HERE / "oracle" / "answers.jsonl").read_text().split("\n")[:-1]]


def _lines(rows):
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n]"


def main(repository):
    queries, last = copied(repository)
    documents = documents_of(queries.values())
    matched = asked("Oracle", documents, [f"{query} AND voting:1" for query in queries.values()])
    rows = ({"file": file, "last": file in last, "query": query, "matches": numbers}
            for (file, query), numbers in zip(queries.items(), matched, strict=True))
    (HERE / "queries.json").write_text(_lines(rows) + "\n")
    constructs = json.loads((HERE / "constructs.json").read_text())
    answers = asked("Oracle", constructs["documents"], [query for query, _ in constructs["queries"]])
    constructs["queries"] = [[query, answer] for (query, _), answer in zip(constructs["queries"], answers, strict=True)]
    lists = ",\n".join(f'"{name}": {_lines(rows)}' for name, rows in constructs.items())
    (HERE / "constructs.json").write_text(f"{{{lists}}}\n")
    texts = [text for text, _ in json.loads((HERE / "words.json").read_text())]
    (HERE / "words.json").write_text(_lines(zip(texts, asked("Words", texts), strict=True)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
