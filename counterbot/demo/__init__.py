"""Loopback servers that speak as the real ones do: for ``counterbot demo``, the tests and the benchmarks."""
