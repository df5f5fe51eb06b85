"""Scopes of queues and exchanges as OpenStack's services name them."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from counterbot.collectors.rabbitmq.scopes import LONGEST, ROWS, Scopes

HEX = "c3b6a1047d024c4d82ed736cca37ab10"
UUID = "c3b6a104-7d02-4c4d-82ed-736cca37ab10"

NAMES = {
    # nova
    "conductor": "conductor",
    "conductor.host1": "conductor",
    "conductor.openstack-01.novalocal": "conductor",
    f"conductor_fanout_{HEX}": "conductor_fanout",
    "scheduler_fanout_host1:nova-scheduler:1": "scheduler_fanout",
    "scheduler_fanout_node-1.example.org:nova-scheduler:12": "scheduler_fanout",
    "scheduler_fanout": "scheduler_fanout",  # the exchange, or the stream
    "compute.node-1.example.org": "compute",
    "compute_fanout_node-1.example.org:nova-compute:2": "compute_fanout",
    "consoleauth": "consoleauth",
    "cert.host1": "cert",
    # answers
    f"reply_{HEX}": "reply",
    "reply_host1:nova-conductor:1": "reply",
    "reply_node-1.example.org:neutron-server:4": "reply",
    # notifications
    "notifications.info": "notifications",
    "notifications.error": "notifications",
    "versioned_notifications.info": "versioned_notifications",
    "glance_notifications.warn": "glance_notifications",
    "event.sample": "event",
    "metering.sample": "metering",
    "monitor.info": "monitor",
    "producer.info": "producer",
    "alarming.sample": "alarming",
    "ceilometer-pipe-cpu_source:cpu_delta_sink-3.sample": "ceilometer-pipe",
    # neutron
    "q-plugin": "q-plugin",
    "q-plugin.host1": "q-plugin",
    f"q-plugin_fanout_{HEX}": "q-plugin_fanout",
    "q-l3-plugin": "q-l3-plugin",
    "q-reports-plugin.host1": "q-reports-plugin",
    f"q-server-resource-versions_fanout_{HEX}": "q-server-resource-versions_fanout",
    "q-agent-notifier-l2population-update.host1": "q-agent-notifier-l2population-update",
    f"q-agent-notifier-port-update_fanout_{HEX}": "q-agent-notifier-port-update_fanout",
    f"q-agent-notifier-security_group-update_fanout_{HEX}": "q-agent-notifier-security_group-update_fanout",
    "q-agent-notifier-port-update_fanout_net1:neutron-openvswitch-agent:3": "q-agent-notifier-port-update_fanout",
    "neutron-vo-Port-1.10": "neutron-vo-Port",
    "neutron-vo-Port-1.10.node-1.example.org": "neutron-vo-Port",
    f"neutron-vo-SecurityGroupRule-1.2_fanout_{HEX}": "neutron-vo-SecurityGroupRule_fanout",
    "neutron-vo-SubPort-1.0_fanout": "neutron-vo-SubPort_fanout",
    "neutron-vo-Trunk-1.1_fanout_node-1.example.org:neutron-server:1": "neutron-vo-Trunk_fanout",
    "dhcp_agent.host1": "dhcp_agent",
    "dhcp_agent.openstack-02.novalocal.openstack-02.novalocal": "dhcp_agent",
    f"dhcp_agent.openstack-02.novalocal_fanout_{HEX}": "dhcp_agent_fanout",
    "dhcp_agent.openstack-02.novalocal_fanout": "dhcp_agent_fanout",
    "l3_agent": "l3_agent",
    f"l3_agent_fanout_{HEX}": "l3_agent_fanout",
    "n-lbaas_agent.host1": "n-lbaas_agent",
    # cinder and manila
    "cinder-scheduler": "cinder-scheduler",
    f"cinder-scheduler_fanout_{HEX}": "cinder-scheduler_fanout",
    "cinder-volume.host@lvmdriver-1": "cinder-volume",
    "cinder-volume.host@lvmdriver-1.host": "cinder-volume",
    f"cinder-volume.host@lvmdriver-1_fanout_{HEX}": "cinder-volume_fanout",
    "cinder-volume.node-1.example.org@rbd_fanout_node-1.example.org:cinder-volume:1": "cinder-volume_fanout",
    "cinder-backup:node-01": "cinder-backup",
    "manila-share.host1@london": "manila-share",
    f"manila-data_fanout_{HEX}": "manila-data_fanout",
    # heat
    "engine": "engine",
    "engine.devserver": "engine",
    f"engine_fanout_{HEX}": "engine_fanout",
    f"engine_worker_fanout_{HEX}": "engine_worker_fanout",
    f"heat-engine-listener.{UUID}": "heat-engine-listener",
    f"heat-engine-listener_fanout_{HEX}": "heat-engine-listener_fanout",
    # others
    "octavia_provisioning_v2": "octavia_provisioning_v2",
    "octavia_provisioning_v2.host1": "octavia_provisioning_v2",
    "magnum-conductor": "magnum-conductor",
    f"magnum-conductor.{HEX}": "magnum-conductor",
    "ironic.conductor_manager": "ironic_conductor_manager",
    "ironic.conductor_manager.node-1.example.org": "ironic_conductor_manager",
    f"ironic.conductor_manager_fanout_{HEX}": "ironic_conductor_manager_fanout",
    "watcher.decision.control": "watcher_decision_control",
    f"watcher.applier.control_fanout_{HEX}": "watcher_applier_control_fanout",
    "watcher.decision.control.host1": "watcher_decision_control",
    "central.host1": "central",
    f"sahara-ops.{UUID}": "sahara-ops",
    "mistral_engine": "mistral_engine",
    f"mistral_executor_fanout_{HEX}": "mistral_executor_fanout",
    "taskmanager": "taskmanager",
    f"guestagent.{UUID}": "guestagent",
    "trove-conductor": "trove-conductor",
    # somebody else's
    f"worker-{UUID}": "worker",
    f"results_{HEX}": "results",
    f"celery@{HEX}.reply.celery.pidbox": "celery",
    # the broker's own
    "amq.gen-JzTY20BRgKO-HjmUJj0wLg": "amq_gen",
    "amq.topic": "amq_topic",
    "amq.rabbitmq.trace": "amq_rabbitmq_trace",
    "": "default",
    "nova": "nova",
}


@pytest.mark.parametrize(("name", "scope"), NAMES.items())
def test_a_name_of_openstack(name, scope):
    assert Scopes().of(name) == scope


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_every_row_is_needed(number):
    without = Scopes(built_in=ROWS[:number] + ROWS[number + 1:])
    assert any(without.of(name) != scope for name, scope in NAMES.items())


@pytest.mark.parametrize(("name", "scope"), [
    (".", "_"), ("...", "___"), ("@", "_"), (".x", "_x"), ("zażółć", "za____"), ("a\nb", "a_b"), ("a:b|c", "a"),
    ("x" * 255, "x" * LONGEST), ("_fanout", "_fanout"), (f"_{HEX}", f"_{HEX}"), ("reply_", "reply"),
])
def test_an_odd_name_still_has_one(name, scope):
    assert Scopes().of(name) == scope


names = st.text(max_size=255) | st.lists(st.sampled_from(
    ["reply", "_", "fanout", HEX, ".", ":", "@", "amq.gen-", "neutron-vo-", "Port", "-1.0", "\n", "é", UUID, "|", "#"]
), max_size=9).map("".join)


@given(names)
@example("\0")
@example("\ud800")
def test_a_scope_fits_into_every_counters_name(name):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,150}", Scopes().of(name))


@pytest.mark.parametrize(("name", "scope"), [
    ("billing-eu-17", "billing_eu"), ("billing-eu-x", "billing-eu-x"), ("REPLY_x", "answers"), ("odd.1", "_1"),
    ("odd.\n1", "__1"), ("nothing", "unnamed"), (f"reply_{HEX}", "reply"),
])
def test_rows_of_ones_own_come_first(name, scope):
    own = {"billing-([a-z]+)-[0-9]+": r"billing_\1", "(?i)REPLY_x": "answers", r"(?P<all>odd)(\..*)": r"\2",
           "nothing": ""}
    assert Scopes(own.items()).of(name) == scope


@pytest.mark.parametrize(("pattern", "scope"), [
    ("(", "a"), ("[a", "a"), ("a", r"\1"), ("(?x) a # b", r"\2"), ("(a)", r"\g<b>"), ("(a)", r"\q"), ("a", "\\"),
    ("a{99999999999999999999}", "a"), ("(a)|b", r"\2"),
])
def test_a_row_that_is_none_is_told(pattern, scope):
    with pytest.raises(ValueError, match=r"^scopes: .* is no pattern and its scope: "):
        Scopes([(pattern, scope)])
