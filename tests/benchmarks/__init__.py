"""Benchmarks: ratios to the raw ceiling of the same run. ``python -m tests.benchmarks --help``."""
