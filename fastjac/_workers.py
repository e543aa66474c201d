"""`workers=`: pieces of a batch on a pool of threads, handed out as the threads become free."""

import os

_pool = None
_pool_size = 0


def run(task, n_points, piece, n_workers):
    """Call ``task(first, stop)`` for consecutive pieces of ``range(n_points)``.

    The calling thread is one of the workers. The pieces are short, so that a signal such as Ctrl-C
    is answered soon; an exception in any worker ends them all after their current piece.

    Parameters
    ----------
    task : callable
        Does the points from `first` up to `stop`, with the GIL released for most of the time.
    n_points, piece : int
        Number of points, and of those in a piece.
    n_workers : int
        Threads at most, including the calling one.
    """
    starts = iter(range(0, n_points, piece))
    failures = []

    def work():
        try:
            # next() on a range iterator is atomic, so that every piece is handed out once.
            for first in starts:
                if failures:
                    return
                task(first, min(first + piece, n_points))
        except BaseException as error:
            failures.append(error)

    n_helpers = min(n_workers, -(-n_points // piece)) - 1
    helpers = []
    try:
        for _ in range(n_helpers):
            helpers.append(_threads(n_helpers).submit(work))
        work()
    except BaseException as error:
        failures.append(error)
    # The helpers write into the results: no return, not even on Ctrl-C, before they have stopped.
    while helpers:
        try:
            if not helpers[-1].cancel():
                helpers[-1].result()
            helpers.pop()
        except BaseException as error:
            failures.append(error)
    # A helper that was cancelled waits in the queue of the pool; it must not keep the arrays of the task alive.
    task = None
    if failures:
        raise failures[0]


def _threads(n_threads):
    """The pool, made on first use and made anew when more threads are asked for."""
    global _pool, _pool_size
    if _pool is None or _pool_size < n_threads:
        from concurrent.futures import ThreadPoolExecutor

        _pool, _pool_size = ThreadPoolExecutor(n_threads, thread_name_prefix="fastjac"), n_threads
    return _pool


def _forget_threads():
    """In the child of a fork: the threads of the pool are not there."""
    global _pool, _pool_size
    _pool, _pool_size = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
