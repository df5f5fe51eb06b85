"""What people ask of the bot in comments, and what only looks like it."""

import pytest

from counterbot.core.commands import Asked, Mistaken, Verb, asked


@pytest.mark.parametrize(("comment", "found"), [
    ("counters: accept a query more", Asked(Verb.ACCEPT, "a query more")),
    ("Thanks.\n\n  Counters : ACCEPT:\ta query more \nYours", Asked(Verb.ACCEPT, "a query more")),
    ("counters: show.", Asked(Verb.SHOW)),
    ("counters: ignore", Asked(Verb.IGNORE)),
    ("counters:help", Asked(Verb.HELP)),
    ("counters: accept", Mistaken("a reason must follow 'accept', for those who will see the step in the history")),
    ("counters: acept it", Mistaken("there is no command 'acept'")),
    ("counters: approve", Mistaken("there is no command 'approve'")),
    ("counters:", Mistaken("no command follows the colon")),
    ("Counters: 12 more than usual, fine by me", None),
    ("Counters: 1 of 4 stable counters over its bound (not voting).", None),
    ("Counters: so it is, except for one", None),
    ("Counters: except for one it is fine", None),
    ("my counters: show", None),
    ("> counters: show", None),
    ("    counters: show", None),
    ("````\n```\ncounters: show\n```\n````", None),
    ("~~~\n```\ncounters: show\n~~~", None),
    ("```\ncode\n```\ncounters: show", Asked(Verb.SHOW)),
    ("counters: show\n[counterbot:1a2b3c4d5e6f]", None),
])
def test_what_is_asked(comment, found):
    assert asked(comment) == found
