"""Sends metrics to statsd over UDP, without acknowledgement.

The library packs at most 512 bytes into a datagram, which no path fragments.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

import statsd

from ..core.counters.metrics import Kind, Metric


def connect(host: str, port: int) -> statsd.StatsClient:
    """A client, at the address that the host has now; IPv4 first, where statsd listens by default.

    Raises OSError where the name has no address. May take as long as the resolver takes.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except UnicodeError as error:  # such as a..b
        raise OSError(f"invalid host name: {error}") from None
    family, *_, address = min(found, key=lambda each: each[0] != socket.AF_INET)
    return statsd.StatsClient(address[0], port, ipv6=family == socket.AF_INET6)


def send(client: statsd.StatsClient, metrics: Iterable[Metric]) -> None:
    """Send them, as many in a datagram as fit."""
    with client.pipeline() as pipeline:
        for metric in metrics:
            if metric.kind is Kind.GAUGE:
                pipeline.gauge(metric.name, metric.value)
            elif metric.kind is Kind.TIME:
                pipeline.timing(metric.name, metric.value)
            else:
                pipeline.incr(metric.name, metric.value)
