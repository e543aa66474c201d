# The contract between the engines and the kernels: one table of function pointers per dtype.
#
# Every SIMD build fills a table; `dispatch` hands out the table of the build that the CPU runs.
# All matrices are row-major and contiguous; sizes count elements; outputs come last.

# Number of slots for activations; the codes stand in fastjac/activations.py.
cdef enum:
    N_ACTIVATIONS = 64

# Value a = f(h) and derivative d = f'(h) of one row of n units. `p` holds n_parameters rows of n
# values, p[r*n + i] being parameter r of unit i. `a` may alias `h`; nothing else may.
ctypedef void (*activate_f64)(
    const double* h, const double* p, Py_ssize_t n, double* a, double* d) noexcept nogil
ctypedef void (*activate_f32)(
    const float* h, const float* p, Py_ssize_t n, float* a, float* d) noexcept nogil

ctypedef struct kernels_f64:
    activate_f64 activations[N_ACTIVATIONS]
    void (*scale_rows)(const double* A, const double* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       double* out) noexcept nogil
    void (*scale_columns)(const double* A, const double* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                          double* out) noexcept nogil
    void (*fill_rows)(const double* b, Py_ssize_t n_rows, Py_ssize_t n_cols,
                      double* out) noexcept nogil
    void (*copy_block)(const double* A, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       double* out, Py_ssize_t row_stride, Py_ssize_t col_stride) noexcept nogil
    void (*form_softmax)(const double* Wt, const double* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                         double* out) noexcept nogil
    void (*form_log_softmax)(const double* Wt, const double* s, Py_ssize_t n_rows,
                             Py_ssize_t n_cols, double* out) noexcept nogil
    void (*apply_softmax)(const double* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                          double* R) noexcept nogil
    void (*apply_log_softmax_forward)(const double* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                                      double* T) noexcept nogil
    void (*apply_log_softmax_reverse)(const double* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                                      double* R) noexcept nogil

ctypedef struct kernels_f32:
    activate_f32 activations[N_ACTIVATIONS]
    void (*scale_rows)(const float* A, const float* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       float* out) noexcept nogil
    void (*scale_columns)(const float* A, const float* d, Py_ssize_t n_rows, Py_ssize_t n_cols,
                          float* out) noexcept nogil
    void (*fill_rows)(const float* b, Py_ssize_t n_rows, Py_ssize_t n_cols,
                      float* out) noexcept nogil
    void (*copy_block)(const float* A, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       float* out, Py_ssize_t row_stride, Py_ssize_t col_stride) noexcept nogil
    void (*form_softmax)(const float* Wt, const float* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                         float* out) noexcept nogil
    void (*form_log_softmax)(const float* Wt, const float* s, Py_ssize_t n_rows,
                             Py_ssize_t n_cols, float* out) noexcept nogil
    void (*apply_softmax)(const float* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                          float* R) noexcept nogil
    void (*apply_log_softmax_forward)(const float* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                                      float* T) noexcept nogil
    void (*apply_log_softmax_reverse)(const float* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                                      float* R) noexcept nogil

ctypedef struct kernels_t:
    kernels_f64 f64
    kernels_f32 f32
