"""Other routes to the value and the Jacobian of the same networks: one file each.

A peer is a function of a `Case` that returns its variants, {name: call}. ``call()`` returns (y, J) of the
case's points, complete, as something that `numpy.asarray` takes; preparing, compiling and copying points
into the peer's own kind of array happen before. A call whose loop is compiled also has
``repeat(n_calls)`` and ``samples(n_calls)``. A peer that cannot take part raises `Absent`.
"""

from importlib import import_module

PEERS = {  # name on the command line -> file, function
    "fastjac": ("fastjac", "fresh"),
    "fastjac-out": ("fastjac", "into_out"),
    "blas": ("fastjac", "blas_chain"),
    "numpy": ("numpy", "by_hand"),
    "numba": ("numba", "by_hand"),
    "eigen": ("eigen", "by_hand"),
    "eigen-fast": ("eigen", "fast"),
    "casadi-vm": ("casadi", "virtual_machine"),
    "casadi-c": ("casadi", "generated_c"),
    "jax": ("jax", "jit"),
    "torch": ("torch", "func"),
    "torch-compile": ("torch", "compiled"),
}


class Absent(Exception):
    """Why a peer takes no part."""


def find(name):
    """The peer of that name; raises `Absent` where what it needs is not installed."""
    module, function = PEERS[name]
    try:
        return getattr(import_module(f"peers.{module}"), function)
    except ImportError as error:
        raise Absent(f"not installed ({error})") from error
