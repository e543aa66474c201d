"""What of a weight carries units on, each by itself: found, so that the zeros beside it need not be multiplied."""

from typing import NamedTuple

import numpy as np


class Skip(NamedTuple):
    """Units source, …, source + n − 1 of what comes in go to units target, …, target + n − 1."""

    n: int
    source: int
    target: int

    def factors(self, W):
        """What they are multiplied by."""
        i = np.arange(self.n)
        return W[self.source + i, self.target + i]


def split_skips(W):
    """W as a dense matrix in its upper left corner and numbers on diagonals.

    Parameters
    ----------
    W : ndarray, shape (n_in, n_out)

    Returns
    -------
    dense_in, dense_out : int
        Shape of the corner; 0 where nothing is left.
    skips : tuple of Skip
        W is zero outside of the corner but for the numbers of these.
    """
    (n_in, n_out), skips = W.shape, []
    while n_in and n_out:
        corner = W[:n_in, :n_out]
        # Columns at the end with one number each, one further down than in the column before; or rows.
        by_columns, by_rows = _last_single(corner), _last_single(corner.T)
        choices = []
        if by_columns:
            n = n_out - by_columns[0]
            left = _without_zeros(corner[:, :n].T), n
            choices.append((left[0] * left[1], left, Skip(by_columns[0], by_columns[1], n)))
        if by_rows:
            n = n_in - by_rows[0]
            left = n, _without_zeros(corner[:n])
            choices.append((left[0] * left[1], left, Skip(by_rows[0], n, by_rows[1])))
        if not choices:
            break
        _, (n_in, n_out), skip = min(choices)
        skips.append(skip)
    return (n_in, n_out, tuple(skips)) if n_in and n_out else (0, 0, tuple(skips))


def _last_single(W):
    """How many of the last columns hold one number, in rows that follow each other, and the first row; or None."""
    row = (W != 0).argmax(axis=0) - np.arange(W.shape[1])
    fits = (np.count_nonzero(W, axis=0) == 1) & (row == row[-1])
    n = len(fits) if fits.all() else int(np.argmin(fits[::-1]))
    return (n, int(row[-1]) + W.shape[1] - n) if n else None


def _without_zeros(W):
    """How many columns are left without those at the end that are zero."""
    filled = np.flatnonzero(W.any(axis=0))
    return int(filled[-1]) + 1 if filled.size else 0
