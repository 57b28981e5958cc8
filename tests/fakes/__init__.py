"""Servers with real behaviour, on real sockets, for tests and benchmarks."""
