# Activations: value a = f(h) and derivative d = f'(h) of one row in one pass.
#
# f(NaN) = f'(NaN) = NaN. `a` may alias `h`: each element is read before it is written, and no element
# depends on another (but in rowwise.pxi). What calls the C library, or is short, computes in double for
# float32 too, and rounds once.

from fastjac.kernels.api cimport activate_f32, activate_f64

cdef extern from "math.h" nogil:
    double libm_erf "erf"(double x)
    double libm_sin "sin"(double x)
    double libm_cos "cos"(double x)
    double libm_atan "atan"(double x)
    double sqrt(double x)
    double frexp(double x, int* exponent)
    double ldexp(double x, int exponent)

include "vmath.pxi"
include "piecewise.pxi"
include "exponential.pxi"
include "smooth.pxi"
include "rowwise.pxi"


cdef int add(kernels_t* table, list names, str name, activate_f32 f32, activate_f64 f64) except -1:
    table.f32.activations[len(names)] = f32
    table.f64.activations[len(names)] = f64
    names.append(name)
    return 0


cdef tuple fill_activations(kernels_t* table):
    """Fill the table's activations; the names, in the order of their codes."""
    cdef list names = []
    add(table, names, "identity", identity[float], identity[double])
    add(table, names, "relu", relu[float], relu[double])
    add(table, names, "relu6", relu6[float], relu6[double])
    add(table, names, "leaky_relu", leaky_relu[float], leaky_relu[double])
    add(table, names, "prelu", leaky_relu[float], leaky_relu[double])
    add(table, names, "thresholded_relu", thresholded_relu[float], thresholded_relu[double])
    add(table, names, "elu", elu[float], elu[double])
    add(table, names, "selu", selu[float], selu[double])
    add(table, names, "celu", celu[float], celu[double])
    add(table, names, "hard_tanh", hard_tanh[float], hard_tanh[double])
    add(table, names, "hard_sigmoid", hard_sigmoid[float], hard_sigmoid[double])
    add(table, names, "hard_swish", hard_swish[float], hard_swish[double])
    add(table, names, "tanh", tanh[float], tanh[double])
    add(table, names, "sigmoid", sigmoid[float], sigmoid[double])
    add(table, names, "log_sigmoid", log_sigmoid[float], log_sigmoid[double])
    add(table, names, "softplus", softplus[float], softplus[double])
    add(table, names, "softsign", softsign[float], softsign[double])
    add(table, names, "silu", silu[float], silu[double])
    add(table, names, "mish", mish[float], mish[double])
    add(table, names, "gelu", gelu[float], gelu[double])
    add(table, names, "gelu_tanh", gelu_tanh[float], gelu_tanh[double])
    add(table, names, "tanh_shrink", tanh_shrink[float], tanh_shrink[double])
    add(table, names, "soft_shrink", soft_shrink[float], soft_shrink[double])
    add(table, names, "hard_shrink", hard_shrink[float], hard_shrink[double])
    add(table, names, "exp", exp[float], exp[double])
    add(table, names, "sin", sin[float], sin[double])
    add(table, names, "cos", cos[float], cos[double])
    add(table, names, "arctan", arctan[float], arctan[double])
    add(table, names, "erf", erf[float], erf[double])
    add(table, names, "gaussian", gaussian[float], gaussian[double])
    add(table, names, "square", square[float], square[double])
    add(table, names, "abs", absolute[float], absolute[double])
    add(table, names, "speculator", speculator[float], speculator[double])
    add(table, names, "softmax", softmax[float], softmax[double])
    add(table, names, "log_softmax", log_softmax[float], log_softmax[double])
    add(table, names, "rms_norm", rms_norm[float], rms_norm[double])
    add(table, names, "layer_norm", layer_norm[float], layer_norm[double])
    return tuple(names)
