"""Times of alternatives, measured in turns so that a disturbance meets all of them."""

import time

import numpy as np


def medians(functions, seconds=1.0, fewest=5):
    """Median time of one call in s of each function of a dictionary, by name, as `times` measures them."""
    return {name: np.median(each) for name, each in times(functions, seconds, fewest).items()}


def times(functions, seconds=1.0, fewest=5):
    """Times of calls in s, by name: rounds of one call of each, for about that many seconds, at least `fewest`."""
    found = {name: [] for name in functions}
    for call in functions.values():
        call()  # what is made on first use
    end = time.perf_counter() + seconds
    while len(next(iter(found.values()))) < fewest or time.perf_counter() < end:
        for name, call in functions.items():
            start = time.perf_counter()
            call()
            found[name].append(time.perf_counter() - start)
    return found
