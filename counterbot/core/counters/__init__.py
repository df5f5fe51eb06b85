"""Counters: the documents that hold them, how several become one, and what statsd calls them. Reads no file."""
