# The C interface for Cython: `from fastjac.cython_api cimport fj_network, fj_network_of, fj_jacobian_f64`.
# What each function does and expects stands in fastjac/include/fastjac.h, which compiling needs no part of.

cdef enum:
    # What this file declares; a module that was compiled with it asks the library for the same.
    FJ_ABI_VERSION = 1

    FJ_OK = 0
    FJ_NULL_POINTER = 1
    FJ_WRONG_DTYPE = 2
    FJ_WRONG_SIZE = 3
    FJ_SHORT_WORKSPACE = 4
    FJ_WRONG_ABI = 5

cdef extern from *:
    """
    #ifndef FJ_NETWORK_DECLARED
    #define FJ_NETWORK_DECLARED
    typedef struct fj_network fj_network;
    #endif
    """
    ctypedef struct fj_network:
        pass

# The handle of a Network or Selection, which lives as long as `net` or as fj_retain says. The second argument is
# FJ_ABI_VERSION; ImportError if the library has another one than the module was compiled with.
cdef fj_network* fj_network_of(net, int abi_version) except NULL

# The table of functions with which a handle begins, `fj_functions` of the header.
cdef const void* fj_table() noexcept nogil

cdef const char* fj_status_message(int status) noexcept nogil
cdef void fj_retain(fj_network* net) noexcept nogil
cdef void fj_release(fj_network* net) noexcept nogil
cdef ptrdiff_t fj_n_in(const fj_network* net) noexcept nogil
cdef ptrdiff_t fj_n_wrt(const fj_network* net) noexcept nogil
cdef ptrdiff_t fj_n_out(const fj_network* net) noexcept nogil
cdef size_t fj_itemsize(const fj_network* net) noexcept nogil
cdef size_t fj_workspace_nbytes(const fj_network* net, ptrdiff_t n_points) noexcept nogil

cdef int fj_value_f64(const fj_network* net, const double* x, ptrdiff_t n_x, double* y, ptrdiff_t n_y,
                      void* work, size_t work_nbytes) noexcept nogil
cdef int fj_value_f32(const fj_network* net, const float* x, ptrdiff_t n_x, float* y, ptrdiff_t n_y,
                      void* work, size_t work_nbytes) noexcept nogil
cdef int fj_value_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                             double* y, ptrdiff_t n_y, void* work, size_t work_nbytes) noexcept nogil
cdef int fj_value_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                             float* y, ptrdiff_t n_y, void* work, size_t work_nbytes) noexcept nogil
cdef int fj_jacobian_f64(const fj_network* net, const double* x, ptrdiff_t n_x, double* J, ptrdiff_t n_rows,
                         ptrdiff_t n_cols, ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                         size_t work_nbytes) noexcept nogil
cdef int fj_jacobian_f32(const fj_network* net, const float* x, ptrdiff_t n_x, float* J, ptrdiff_t n_rows,
                         ptrdiff_t n_cols, ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                         size_t work_nbytes) noexcept nogil
cdef int fj_jacobian_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                                double* J, ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                size_t work_nbytes) noexcept nogil
cdef int fj_jacobian_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                                float* J, ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                size_t work_nbytes) noexcept nogil
cdef int fj_value_and_jacobian_f64(const fj_network* net, const double* x, ptrdiff_t n_x, double* y,
                                   ptrdiff_t n_y, double* J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                   ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                   size_t work_nbytes) noexcept nogil
cdef int fj_value_and_jacobian_f32(const fj_network* net, const float* x, ptrdiff_t n_x, float* y,
                                   ptrdiff_t n_y, float* J, ptrdiff_t n_rows, ptrdiff_t n_cols,
                                   ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                   size_t work_nbytes) noexcept nogil
cdef int fj_value_and_jacobian_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x,
                                          ptrdiff_t n_x, double* y, ptrdiff_t n_y, double* J,
                                          ptrdiff_t n_rows, ptrdiff_t n_cols, ptrdiff_t point_stride,
                                          ptrdiff_t row_stride, ptrdiff_t col_stride, void* work,
                                          size_t work_nbytes) noexcept nogil
cdef int fj_value_and_jacobian_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x,
                                          ptrdiff_t n_x, float* y, ptrdiff_t n_y, float* J, ptrdiff_t n_rows,
                                          ptrdiff_t n_cols, ptrdiff_t point_stride, ptrdiff_t row_stride,
                                          ptrdiff_t col_stride, void* work, size_t work_nbytes) noexcept nogil
cdef int fj_jvp_f64(const fj_network* net, const double* x, ptrdiff_t n_x, const double* v, ptrdiff_t n_v,
                    double* u, ptrdiff_t n_u, void* work, size_t work_nbytes) noexcept nogil
cdef int fj_jvp_f32(const fj_network* net, const float* x, ptrdiff_t n_x, const float* v, ptrdiff_t n_v,
                    float* u, ptrdiff_t n_u, void* work, size_t work_nbytes) noexcept nogil
cdef int fj_jvp_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                           const double* v, ptrdiff_t n_v, double* u, ptrdiff_t n_u, void* work,
                           size_t work_nbytes) noexcept nogil
cdef int fj_jvp_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                           const float* v, ptrdiff_t n_v, float* u, ptrdiff_t n_u, void* work,
                           size_t work_nbytes) noexcept nogil
cdef int fj_vjp_f64(const fj_network* net, const double* x, ptrdiff_t n_x, const double* w, ptrdiff_t n_w,
                    double* g, ptrdiff_t n_g, void* work, size_t work_nbytes) noexcept nogil
cdef int fj_vjp_f32(const fj_network* net, const float* x, ptrdiff_t n_x, const float* w, ptrdiff_t n_w,
                    float* g, ptrdiff_t n_g, void* work, size_t work_nbytes) noexcept nogil
cdef int fj_vjp_points_f64(const fj_network* net, ptrdiff_t n_points, const double* x, ptrdiff_t n_x,
                           const double* w, ptrdiff_t n_w, double* g, ptrdiff_t n_g, void* work,
                           size_t work_nbytes) noexcept nogil
cdef int fj_vjp_points_f32(const fj_network* net, ptrdiff_t n_points, const float* x, ptrdiff_t n_x,
                           const float* w, ptrdiff_t n_w, float* g, ptrdiff_t n_g, void* work,
                           size_t work_nbytes) noexcept nogil
