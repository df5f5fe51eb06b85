"""elastic-recheck's own queries, and the documents that Elasticsearch was asked about."""

import re
from itertools import chain
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples" / "elastic-recheck"
CLAUSE = re.compile(r'(\w+):[(+]*(?:"((?:\\.|[^"\\])*)"|([^\s()"]+))')


def documents_of(queries):
    """Two documents for each query: one made to match it, and one that almost does."""
    return list(chain.from_iterable(_documents(number, query) for number, query in enumerate(queries)))


def _documents(number, query):
    asked = {}
    for field, quoted, bare in CLAUSE.findall(query):
        asked.setdefault(field, []).append(re.sub(r"\\(.)", r"\1", quoted) or bare.replace("*", "x").lower())
    texts, tags = asked.pop("message", []), asked.pop("tags", [])
    made = {"message": " | ".join(texts), "tags": tags, "voting": 1,
            **{field: values[0] for field, values in asked.items() if field != "voting"}}
    almost = (
        {"message": made["message"].rpartition(" ")[0]},
        {"message": made["message"].upper().replace(" ", " - "), "voting": number // 4 % 2},
        {"tags": tags[:-1], "filename": "other"},
        {"message": texts[0] if texts else "", "build_name": "other"},
    )[number % 4]
    return made, made | almost
