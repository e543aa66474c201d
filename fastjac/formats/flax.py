"""Networks of Flax: a tree of parameters by name, without their activations."""

from collections.abc import Mapping

from fastjac.formats.mappings import make_from_arrays
from fastjac.formats.objects import fail


def from_flax(params, activations, *, order=None, dtype=None):
    """Network :math:`F = f_L \\circ A_L \\circ \\cdots \\circ f_1 \\circ A_1` of dense layers of Flax.

    Parameters
    ----------
    params : mapping
        ``module.init(...)`` or its entry "params", nested in any way, or ``flax.nnx.state(module)``: for each layer
        ``kernel`` of shape (n_in, n_out) and, unless it is zero, ``bias`` of shape (n_out,). Nothing else may be in
        it: what other arrays would do to the network is not known.
    activations, order, dtype
        As those of `from_state_dict`; names in `order` have dots between the keys. ``flax.linen.gelu`` is
        ``"gelu_tanh"`` by default.

    Returns
    -------
    Network
        J[i, j] is in units of output i per unit of input j.

    Raises
    ------
    ModelFormatError
        As `from_state_dict`, or if `params` holds other collections than "params".

    Examples
    --------
    >>> import numpy as np
    >>> import fastjac as fj
    >>> params = {"Dense_0": {"kernel": np.ones((2, 3))}, "Dense_1": {"kernel": np.ones((3, 1))}}
    >>> fj.from_flax({"params": params}, "tanh").jacobian([0.0, 0.0])
    array([[3., 3.]])
    """
    if not isinstance(params, Mapping):
        fail("from_flax", "a mapping of parameters", type(params).__name__)
    if "params" in params:
        others = [str(key) for key in params if key != "params"]
        if others:
            fail("from_flax", "the collection 'params' alone", f"{', '.join(map(repr, others))} beside it")
        params = params["params"]
    return make_from_arrays(dict(_leaves(params)), "kernel", False, activations, order, "from_flax", dtype)


def _leaves(tree, path=()):
    for key, branch in tree.items():
        if isinstance(branch, Mapping):
            yield from _leaves(branch, (*path, str(key)))
        else:
            yield ".".join((*path, str(key))), branch
