"""The RabbitMQ collector against RabbitMQ: messages published there are the messages that are counted."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from counterbot.collectors import Failed
from counterbot.collectors import rabbitmq as collector
from counterbot.collectors.node import Chosen, read
from counterbot.core.counters.difference import Group, difference
from counterbot.core.counters.snapshot import Snapshot

from .servers.rabbitmq import RabbitMQ

FIXED = {"queues": {"scheduler_fanout_publish": 42, "reply_publish": 107},
         "exchanges": {"default_publish_in": 149, "total_publish": 149}}


def unique(topic: str) -> str:
    return f"{topic}_{uuid.uuid4().hex}"


def chosen(broker: RabbitMQ, **given: object) -> list[Chosen]:
    """The collector as ``counterbot collect`` has it; the session's broker tells of messages each second."""
    settings = collector.Settings(**{"url": broker.url, "settle": 1.0} | given)
    return [Chosen("rabbitmq", collector, settings)]


def reading(broker: RabbitMQ, **given: object) -> Snapshot:
    broker.wait_until_told()
    snapshot = read(chosen(broker, **given), 15).snapshot
    assert snapshot.failures == {}
    return snapshot


def since(before: Snapshot, after: Snapshot, broker: RabbitMQ) -> Snapshot:
    known = {group: Group(each.name, kind) for each in chosen(broker) for group, kind in each.collector.GROUPS.items()}
    return difference(before, after, known)


def counted(found: Snapshot) -> dict[str, dict[str, int]]:
    """What was counted at all: other tests leave scopes in which nothing happened since."""
    return {group: {name: count for name, count in members.items() if count} for group, members in found.groups.items()}


def failure(broker: RabbitMQ, seconds: float = 5, **given: object) -> str:
    settings = collector.Settings(**{"url": broker.url, "settle": 0.0} | given)
    with pytest.raises(Failed) as failed:
        collector.collect(settings, seconds, False)
    return str(failed.value).replace(broker.url, "URL")


@pytest.fixture(scope="module")
def another(tmp_path_factory):
    """Starts further brokers, with their own configuration, and ends them after the module's tests."""
    started = []

    def start(more: str = "") -> RabbitMQ:
        broker = RabbitMQ(tmp_path_factory.mktemp("another"), more)
        started.append(broker)
        return broker.__enter__()

    yield start
    for broker in started:
        broker.kill()  # quicker, and nobody misses what it held
        broker.__exit__()


@pytest.fixture
def password(tmp_path):
    def written(text: str) -> str:
        (tmp_path / "password").write_text(text)
        return str(tmp_path / "password")
    return written


@pytest.fixture(scope="module")
def plain(another):
    """A broker as it is installed, with the five seconds of its statistics interval."""
    return another()


@pytest.fixture(scope="module")
def another_vhost(another):
    """A broker with a virtual host beside ``/``, and two queues."""
    broker = another()
    broker.vhost("hidden")
    for vhost, count in (("/", 2), ("hidden", 3)):
        broker.queue("conductor", vhost)
        broker.publish(count, "conductor", vhost=vhost)
    return broker


# What is counted


def test_fixed_work_gives_the_known_sums_twenty_times_in_a_row(rabbitmq):
    queues = {unique("scheduler_fanout"): 30, unique("scheduler_fanout"): 12, unique("reply"): 100, unique("reply"): 7}
    for queue in queues:
        rabbitmq.queue(queue)
    before = reading(rabbitmq)
    for _ in range(20):
        for queue, count in queues.items():
            rabbitmq.publish(count, queue)
        after = reading(rabbitmq)
        found = since(before, after, rabbitmq)
        assert (counted(found), found.resets, found.absent) == (FIXED, frozenset(), frozenset())
        before = after


def test_two_readings_with_nothing_between_them_give_zeros(rabbitmq):
    found = since(reading(rabbitmq), reading(rabbitmq), rabbitmq)
    assert counted(found) == {"queues": {}, "exchanges": {}}
    assert found.resets == frozenset()


def test_virtual_hosts_are_added_up(rabbitmq):
    before = reading(rabbitmq)
    rabbitmq.vhost("nova_cell1")
    for vhost, queue, count in (("/", "conductor", 3), ("nova_cell1", "conductor", 4),
                                ("nova_cell1", "conductor.host1", 5)):
        rabbitmq.queue(queue, vhost)
        rabbitmq.publish(count, queue, vhost=vhost)
    assert counted(since(before, reading(rabbitmq), rabbitmq)) == {
        "queues": {"conductor_publish": 12}, "exchanges": {"default_publish_in": 12, "total_publish": 12}}


def test_exchanges_count_a_message_once_and_also_what_no_queue_took(rabbitmq):
    before = reading(rabbitmq)
    rabbitmq.exchange("l3_agent_fanout")
    for queue in (unique("l3_agent_fanout"), unique("l3_agent_fanout")):
        rabbitmq.queue(queue)
        rabbitmq.bind("l3_agent_fanout", queue)
    rabbitmq.publish(6, "any", "l3_agent_fanout")
    rabbitmq.publish(4, "nowhere", "amq.topic")
    assert counted(since(before, reading(rabbitmq), rabbitmq)) == {
        "queues": {"l3_agent_fanout_publish": 12},
        "exchanges": {"l3_agent_fanout_publish_in": 6, "amq_topic_publish_in": 4, "total_publish": 10}}


def test_a_queue_deleted_in_between_is_a_reset_and_the_totals_stand(rabbitmq):
    short, long = unique("engine_fanout"), unique("engine_fanout")
    for queue, count in ((short, 5), (long, 50)):
        rabbitmq.queue(queue)
        rabbitmq.publish(count, queue)
    before = reading(rabbitmq)
    rabbitmq.delete("queues", long)
    rabbitmq.publish(8, short)
    found = since(before, reading(rabbitmq), rabbitmq)
    assert found.resets == {"queues.engine_fanout_publish"}
    assert counted(found) == {"queues": {}, "exchanges": {"default_publish_in": 8, "total_publish": 8}}


def test_a_scope_whose_last_queue_is_gone_is_a_reset(rabbitmq):
    rabbitmq.queue("q-plugin")
    rabbitmq.exchange("q-plugin_fanout")
    rabbitmq.publish(5, "q-plugin")
    rabbitmq.publish(2, "any", "q-plugin_fanout")
    before = reading(rabbitmq)
    rabbitmq.delete("queues", "q-plugin")
    rabbitmq.delete("exchanges", "q-plugin_fanout")
    found = since(before, reading(rabbitmq), rabbitmq)
    assert found.resets == {"queues.q-plugin_publish", "exchanges.q-plugin_fanout_publish_in"}
    assert counted(found) == {"queues": {}, "exchanges": {}}


def test_a_virtual_host_deleted_in_between_takes_its_part_of_the_totals(rabbitmq):
    rabbitmq.vhost("nova_cell2")
    rabbitmq.queue("compute", "nova_cell2")
    rabbitmq.publish(3, "compute", vhost="nova_cell2")
    before = reading(rabbitmq)
    rabbitmq.delete_vhost("nova_cell2")
    found = since(before, reading(rabbitmq), rabbitmq)
    assert found.resets == {"queues.compute_publish", "exchanges.default_publish_in", "exchanges.total_publish"}


def test_what_is_made_anew_under_its_name_is_a_reset_though_its_sum_rose(rabbitmq):
    def work(first: int, second: int) -> None:
        for name, count in (("sched.a", first), ("sched.b", second)):
            rabbitmq.queue(name)
            rabbitmq.exchange(f"{name}_fanout")
            rabbitmq.publish(count, name)
            rabbitmq.publish(count, "any", f"{name}_fanout")

    work(100, 5)
    before = reading(rabbitmq)
    rabbitmq.delete("queues", "sched.a")
    rabbitmq.delete("exchanges", "sched.a_fanout")
    work(3, 195)
    found = since(before, reading(rabbitmq), rabbitmq)
    assert found.resets == {"queues.sched_publish", "exchanges.sched_fanout_publish_in"}
    assert counted(found) == {"queues": {}, "exchanges": {"default_publish_in": 198, "total_publish": 396}}


def test_a_virtual_host_made_anew_under_its_name_is_a_reset_though_the_totals_rose(rabbitmq):
    def work(count: int) -> None:
        rabbitmq.vhost("nova_cell3")
        rabbitmq.queue("compute", "nova_cell3")
        rabbitmq.publish(count, "compute", vhost="nova_cell3")

    rabbitmq.queue("compute")
    work(30)
    before = reading(rabbitmq)
    rabbitmq.delete_vhost("nova_cell3")
    work(2)
    rabbitmq.publish(90, "compute")
    found = since(before, reading(rabbitmq), rabbitmq)
    assert found.resets == {"queues.compute_publish", "exchanges.default_publish_in", "exchanges.total_publish"}


def test_with_the_settings_as_they_are_the_brokers_interval_is_waited_out(plain):
    """Twice. A try proves nothing where the broker itself was later than its interval, as on a loaded machine."""
    settle, punctual = collector.Settings().settle, 0
    for _ in range(5):
        plain.queue("conductor")
        before = reading(plain, settle=0.0)
        plain.publish(9, "conductor")
        ends = time.monotonic() + settle + collector.ADDING_UP
        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(lambda: plain.wait_until_told() or time.monotonic())
            after = read(chosen(plain, settle=settle), 15).snapshot
        if told.result() < ends:
            punctual += 1
            assert counted(since(before, after, plain)) == {
                "queues": {"conductor_publish": 9}, "exchanges": {"default_publish_in": 9, "total_publish": 9}}
        if punctual == 2:
            break
    assert punctual == 2


# Who counted


def test_a_broker_started_anew_has_no_differences(plain):
    plain.queue("conductor")
    plain.publish(1, "conductor")
    before = reading(plain, settle=5.0)
    plain.kill()
    plain.start()
    plain.queue("conductor")
    plain.publish(20, "conductor")
    after = reading(plain, settle=5.0)
    assert before.instances["queues"] != after.instances["queues"]
    assert after.groups["queues"] == {"conductor_publish": 20}
    found = since(before, after, plain)
    assert found.groups == {"queues": {}, "exchanges": {}}
    assert found.resets == {"queues.conductor_publish", "exchanges.default_publish_in", "exchanges.total_publish"}


# What fails


@pytest.mark.parametrize(("more", "why"), [
    ("management_agent.disable_metrics_collector = true", "the broker collects no statistics; take "
     "management_agent.disable_metrics_collector and management.disable_stats out of rabbitmq.conf and restart it"),
    ("management.rates_mode = none",
     "the broker counts no messages; set management.rates_mode = basic in rabbitmq.conf and restart it"),
])
def test_a_broker_that_does_not_count_is_no_quiet_one(another, more, why):
    broker = another(more)
    assert failure(broker) == why
    broker.kill()


def test_a_broker_just_started_is_a_quiet_one(another):
    broker = another()
    found = read(chosen(broker, settle=0.0), 15).snapshot
    assert (found.groups, found.failures) == ({"queues": {}, "exchanges": {}}, {})
    broker.ctl("stop_app")
    assert failure(broker).startswith("URL refuses the connection; does the broker run there")
    broker.kill()


def test_a_refused_user(rabbitmq, password):
    rabbitmq.user("nobody", "opensesame", "")
    why = "URL answered 401: the user or the password is wrong"
    assert failure(rabbitmq, user="guest", password_file=password("open")) == why
    assert failure(rabbitmq, user="nobody", password_file=password("opensesame")) == (
        "URL answered 401: the user may not use the management API; rabbitmqctl set_user_tags USER monitoring")


@pytest.mark.parametrize("tags", ["management", "policymaker"])
def test_a_user_who_cannot_know_of_other_virtual_hosts(rabbitmq, password, tags):
    rabbitmq.user(tags, "opensesame", tags)
    assert failure(rabbitmq, user=tags, password_file=password("opensesame")) == (
        "URL answered 401: the user cannot see every virtual host; rabbitmqctl set_user_tags USER monitoring")


def test_hidden_virtual_hosts_are_no_quiet_ones_and_what_is_told_to_do_shows_them(another_vhost, password):
    broker, user, secret = another_vhost, "counters", password("opensesame")
    broker.user(user, "opensesame", "monitoring")
    why = "the user does not see every virtual host; rabbitmqctl set_permissions -p VHOST USER '' '' '' for "
    assert failure(broker, user=user, password_file=secret) == f"{why}'hidden'"
    broker.ctl("clear_permissions", "-p", "/", user)
    assert failure(broker, user=user, password_file=secret) == f"{why}'/', 'hidden'"
    for vhost in ("/", "hidden"):
        broker.ctl("set_permissions", "-p", vhost, user, "", "", "")
    found = reading(broker, user=user, password_file=secret, settle=5.0)
    assert found.groups == reading(broker, settle=0.0).groups
    assert found.groups["queues"] == {"conductor_publish": 5}


def test_an_administrator_sees_every_virtual_host(another_vhost, password):
    another_vhost.user("boss", "opensesame", "administrator")
    found = reading(another_vhost, user="boss", password_file=password("opensesame"), settle=5.0)
    assert found.groups["queues"] == {"conductor_publish": 5}


def test_a_wrong_place(rabbitmq):
    assert failure(rabbitmq, url=f"{rabbitmq.url}/elsewhere").startswith(
        "URL answered 404: is url the management API's?")
    amqp = f"http://127.0.0.1:{rabbitmq.amqp_port}"
    assert failure(rabbitmq, url=amqp).endswith("is url the management API's?")


def test_a_broker_that_hangs_and_one_that_is_gone(another):
    broker = another()
    broker.pause()
    assert failure(broker, 0.5) == "URL was not done in time; is the broker overloaded, or does it hang?"
    broker.resume()
    broker.kill()
    assert failure(broker).startswith("URL refuses the connection; does the broker run there")
