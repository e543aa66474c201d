"""Some inputs of a network vary, the others are held: from the solver's vector to a point."""

import numpy as np

from fastjac import _arguments, _names


class Inputs:
    """The inputs `wrt` of a network as a vector, the others being held.

    Parameters
    ----------
    net : Network
    wrt : slice, sequence of int or of names, or mask of bool, optional
        Which inputs vary, in the order of the solver's vector; all of them if not given.
    held : array_like, shape (n_in − n_wrt,), or callable, optional
        The others, by increasing index: values, or, where there is time, a function of t that gives them.
    outputs : slice, sequence of int or of names, or mask of bool, optional
        Which outputs; all of them if not given.
    name : str
        What `wrt` is called in messages.
    has_time : bool
        Whether `held` may be a function of t.

    Attributes
    ----------
    part : Network or Selection
        What is evaluated at a point.
    n_wrt, n_out : int
    """

    def __init__(self, net, wrt=None, held=None, outputs=None, name="wrt", has_time=False):
        self.wrt = np.arange(net.n_in) if wrt is None else _arguments.as_index(wrt, net.n_in, name, net.names_in)
        if len(np.unique(self.wrt)) < len(self.wrt):
            raise ValueError(f"{name}: expected each input once, got {wrt!r}")
        self.others = np.setdiff1d(np.arange(net.n_in), self.wrt)
        self.part = net if wrt is None and outputs is None else net.select(wrt, outputs)
        self.n_wrt, self.n_out = self.part.n_wrt, self.part.n_out
        self._names = self.part.names_wrt, _names.chosen(net.names_in, self.others)
        self._is_whole = wrt is None
        self._name = name
        if callable(held) and not has_time:
            raise TypeError("held: expected numbers, got a function: there is no time")
        self.held = held if held is None or callable(held) else self._as_held(held)

    def point(self, v, held=None):
        """The point x with x[wrt] = v, and the other inputs as in `held`, or as they were given."""
        held = self.held if held is None else self._as_held(held)
        if self._is_whole and held is None:
            return v
        x = np.empty(self.part.n_in)
        x[self.wrt] = _arguments.as_points(v, self.n_wrt, self._name, self._names[0])
        if held is None and len(self.others):
            raise ValueError(f"held: expected the {len(self.others)} inputs besides {self._name}, got None")
        x[self.others] = () if held is None else held
        return x

    def point_at(self, t, v):
        """The point with the other inputs as they are at time t."""
        return self.point(v, self.held(t) if callable(self.held) else None)

    def _as_held(self, held):
        held = _arguments.as_real(held, "held", self._names[1])
        if held.shape != self.others.shape:
            raise ValueError(f"held: expected shape {self.others.shape}, the inputs besides {self._name}, "
                             f"got {held.shape}")
        return held.astype(np.float64)
