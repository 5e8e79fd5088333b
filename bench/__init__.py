"""Benchmarks: Convoy measured beside other ways to do the same, on the same server."""
