from fastjac.kernels.api cimport kernels_t

ctypedef fused real:
    float
    double

# How the derivative of a layer's activation acts on a block.
cdef enum derivative_kind:
    UNIT, DIAGONAL, SOFTMAX, LOG_SOFTMAX

cdef enum step_kind:
    FORM, REVERSE, FORWARD, MEET, TRANSPOSE

# A layer, packed for one dtype. Arrays belong to the Program.
ctypedef struct layer_t:
    Py_ssize_t n_in
    Py_ssize_t n_out
    int activation            # code in the table of kernels
    bint has_parameters
    derivative_kind derivative
    const void* W             # (n_in, n_out)
    const void* Wt            # (n_out, n_in)
    const void* b             # (n_out,)
    const void* p             # (n_parameters, n_out)
    Py_ssize_t d_offset       # elements before d in the workspace, for one point

ctypedef struct network_t:
    Py_ssize_t n_layers
    Py_ssize_t max_width
    Py_ssize_t n_values       # elements of the value pass's workspace, for one point
    layer_t* layers
    const kernels_t* kernels

# fastjac.planning.Step for one point; offsets count elements of the workspace, −1 is the result.
ctypedef struct step_t:
    step_kind kind
    Py_ssize_t layer
    Py_ssize_t n_rows
    Py_ssize_t n_inner
    Py_ssize_t n_cols
    Py_ssize_t left
    Py_ssize_t right
    Py_ssize_t out
    bint left_transposed
    bint right_transposed
    bint out_transposed

ctypedef struct plan_t:
    Py_ssize_t n_steps
    Py_ssize_t n_points       # of a tile
    Py_ssize_t n_elements     # of the workspace, for one point
    step_t* steps

# Where the results of a tile go; strides count elements.
ctypedef struct strides_t:
    Py_ssize_t point
    Py_ssize_t row
    Py_ssize_t col

cdef void compute_value(const network_t* net, Py_ssize_t n_points, const real* x,
                        real* workspace, real* y) noexcept nogil
cdef void compute_jacobian(const network_t* net, const plan_t* plan, Py_ssize_t n_points,
                           real* workspace, real* J) noexcept nogil
cdef void push_direction(const network_t* net, Py_ssize_t n_points, const real* v,
                         real* workspace, real* u) noexcept nogil
cdef void pull_weights(const network_t* net, Py_ssize_t n_points, const real* w,
                       real* workspace, real* g) noexcept nogil
cdef void scatter(const network_t* net, Py_ssize_t n_points, const real* blocks, Py_ssize_t n_rows,
                  Py_ssize_t n_cols, strides_t strides, real* out) noexcept nogil
