"""A bar on a terminal, nothing anywhere else."""

import sys
import time
from contextlib import contextmanager

WIDTH = 30
PERIOD = 0.1  # seconds between two drawings


@contextmanager
def progress(n_points):
    """Give a function that is told how many points are done; it draws on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    start = drawn = time.monotonic()

    def draw(done):
        nonlocal drawn
        now = time.monotonic()
        if now - drawn < PERIOD and done < n_points:
            return
        drawn = now
        share = done / n_points
        bar = ("#" * round(share * WIDTH)).ljust(WIDTH, ".")
        left = (now - start) * (1 - share) / share
        sys.stderr.write(f"\r[{bar}] {done} of {n_points} points, {left:.0f} s left\033[K")
        sys.stderr.flush()

    try:
        yield draw
    finally:
        sys.stderr.write("\r\033[K")
        sys.stderr.flush()
