"""Suites of benchmarks. `reference_<name>` says in NumPy what `time_<name>` must return."""
