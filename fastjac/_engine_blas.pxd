from fastjac.kernels.api cimport network_t, plan_t

ctypedef fused real:
    float
    double

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
