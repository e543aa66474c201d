"""fastjac: results in fresh memory, results in memory of the caller, and its plain BLAS engine."""

from functools import partial

import fastjac as fj


def fresh(case):
    return {"": partial(fj.Network(case.layers).value_and_jacobian, case.x)}


def into_out(case):
    return {"": partial(fj.Network(case.layers).value_and_jacobian, case.x, out=case.empty())}


def blas_chain(case):
    return {"": partial(fj.Network(case.layers, engine="blas").value_and_jacobian, case.x)}
