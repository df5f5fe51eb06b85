"""Which counter a misspelt one was meant for, in a table."""

import pytest

from counterbot.core.counters.naming import Names, named_in
from counterbot.core.model import Counters

NAMES = ("mysql.Queries", "mysql.Questions", "mysql.Com_select", "mysql.Com_insert", "mysql.Com_insert_select",
         "queues.reply_publish", "queues.conductor_publish", "db.nova_cell1.SELECT", "memory.n-api")


@pytest.mark.parametrize(("written", "meant"), [
    ("mysql.Qureies", "mysql.Queries"),
    ("mysql.Querys", "mysql.Queries"),
    ("mysql.queries", "mysql.Queries"),
    ("mysql.com_select", "mysql.Com_select"),
    ("mysql.Com_selct", "mysql.Com_select"),
    ("mysql.Com_selct*", "mysql.Com_select"),
    ("queues.conductr*_publish", "queues.conductor_publish"),
    ("mysql.Comm_*", "mysql.Com_*"),
    ("queues.*_publsh", "queues.*_publish"),
    ("mysq.Queries", "mysql.Queries"),
    ("MySQL.Queries", "mysql.Queries"),
    ("mysq.Com_*", "mysql.Com_*"),
    ("queue.reply_publish", "queues.reply_publish"),
    ("queue.billing_publish", "queues.billing_publish"),
    ("db.nova_cell1.SELCT", "db.nova_cell1.SELECT"),
    ("memory.n_api", "memory.n-api"),
    ("mysql.Queries", None),
    ("mysql.Com_selec*", None),
    ("queue[s].reply_publish", None),
    ("mysql.Slow_launch_threads", None),
    ("mysql.Com_dealloc_sql", None),
    ("cpu.n-api_usec", None),
    ("queues.billing_publish", None),
    ("*.Queries", None),
    ("mysql", None),
])
def test_what_was_meant(written, meant):
    assert Names(NAMES).meant(written) == meant


def test_names_without_a_value_are_known_too():
    names = named_in(Counters({"a.value": 1}, {"a.unreadable": "text"}, absent=frozenset({"a.absent"}),
                              resets=frozenset({"a.reset"})))
    assert [names.meant(f"a.{name}") for name in ("valeu", "unreadible", "absnt", "rest")] == [
        "a.value", "a.unreadable", "a.absent", "a.reset"]
    assert names.meant("a.absent") is None
    assert Names(()).meant("a.b") is None
