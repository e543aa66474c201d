"""Networks as the callables that solvers ask for: one file per host, each of which imports nothing but it."""
