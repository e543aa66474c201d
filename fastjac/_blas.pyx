"""SciPy's BLAS: the only file where sizes become BLAS integers and letters.

The pointers come from `scipy.linalg.cython_blas.__pyx_capi__` when the first network of the engine
`blas` is made, so that nothing else imports SciPy and the build needs none.

OpenBLAS starts threads of its own above a certain size of a product, and versions before 0.3.34 may
corrupt the results of such products when several threads run them at once (OpenBLAS issue 5836).
Every product is therefore cut into pieces below that size: BLAS stays in the calling thread, and
`workers=` alone says how many cores are used. docs/decisions/0002 has the figures.
"""

from cpython.pycapsule cimport PyCapsule_GetName, PyCapsule_GetPointer
from libc.stdint cimport int32_t, int64_t

ctypedef union blas_int:
    int32_t i32
    int64_t i64

ctypedef void (*gemm_f64)(
    const char*, const char*, const void*, const void*, const void*, const double*,
    const double*, const void*, const double*, const void*, const double*, double*, const void*,
) noexcept nogil
ctypedef void (*gemm_f32)(
    const char*, const char*, const void*, const void*, const void*, const float*,
    const float*, const void*, const float*, const void*, const float*, float*, const void*,
) noexcept nogil
ctypedef void (*gemv_f64)(
    const char*, const void*, const void*, const double*, const double*, const void*,
    const double*, const void*, const double*, double*, const void*,
) noexcept nogil
ctypedef void (*gemv_f32)(
    const char*, const void*, const void*, const float*, const float*, const void*,
    const float*, const void*, const float*, float*, const void*,
) noexcept nogil

cdef gemm_f64 dgemm = NULL
cdef gemm_f32 sgemm = NULL
cdef gemv_f64 dgemv = NULL
cdef gemv_f32 sgemv = NULL
cdef bint wide_integers = False

cdef enum:
    # Multiply-adds up to which OpenBLAS computes in the calling thread (interface/gemm.c, gemv.c).
    GEMM_SERIAL = 262144
    GEMV_SERIAL = 9216
    # Rows of a piece at most: pieces are near cubes, as those pack least for their multiply-adds.
    PIECE = 64


cdef void* pointer_of(capi, str name) except NULL:
    capsule = capi[name]
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))


cdef int load_blas() except -1:
    """Fetch the pointers; does nothing from the second call on."""
    global dgemm, sgemm, dgemv, sgemv, wide_integers
    if dgemm != NULL:
        return 0
    from scipy.linalg import cython_blas

    capi = cython_blas.__pyx_capi__
    # SciPy 1.18 and later may be built with 64-bit BLAS integers, and say so.
    wide_integers = getattr(cython_blas, "_blas_int_size", lambda: 4)() == 8
    sgemm = <gemm_f32>pointer_of(capi, "sgemm")
    dgemv = <gemv_f64>pointer_of(capi, "dgemv")
    sgemv = <gemv_f32>pointer_of(capi, "sgemv")
    dgemm = <gemm_f64>pointer_of(capi, "dgemm")
    return 0


def blas_info():
    """Name, version and integer size in bytes of the BLAS that SciPy uses."""
    import scipy

    load_blas()
    blas = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {"name": blas["name"], "version": blas["version"], "int_nbytes": 8 if wide_integers else 4}


cdef inline blas_int as_blas_int(Py_ssize_t n) noexcept nogil:
    cdef blas_int result
    if wide_integers:
        result.i64 = n
    else:
        result.i32 = <int32_t>n
    return result


# A row-major matrix is the column-major matrix of its transpose. For C = A B BLAS is therefore asked
# for Cᵀ = Bᵀ Aᵀ: the factors change places, and each flag and leading dimension is as it stands.


cdef inline void gemm(bint A_transposed, bint B_transposed, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                      const real* A, Py_ssize_t lda, const real* B, Py_ssize_t ldb,
                      real beta, real* C, Py_ssize_t ldc) noexcept nogil:
    cdef blas_int M = as_blas_int(m), N = as_blas_int(n), K = as_blas_int(k)
    cdef blas_int LDA = as_blas_int(lda), LDB = as_blas_int(ldb), LDC = as_blas_int(ldc)
    cdef const char* transa = b"T" if A_transposed else b"N"
    cdef const char* transb = b"T" if B_transposed else b"N"
    cdef real one = 1
    if real is double:
        dgemm(transb, transa, &N, &M, &K, &one, B, &LDB, A, &LDA, &beta, C, &LDC)
    else:
        sgemm(transb, transa, &N, &M, &K, &one, B, &LDB, A, &LDA, &beta, C, &LDC)


cdef inline void gemv(Py_ssize_t n, Py_ssize_t k, const real* a, const real* B, Py_ssize_t ldb,
                      real beta, real* c) noexcept nogil:
    cdef blas_int N = as_blas_int(n), K = as_blas_int(k), LDB = as_blas_int(ldb), step = as_blas_int(1)
    cdef real one = 1
    if real is double:
        dgemv(b"N", &N, &K, &one, B, &LDB, a, &step, &beta, c, &step)
    else:
        sgemv(b"N", &N, &K, &one, B, &LDB, a, &step, &beta, c, &step)


cdef void multiply_row(Py_ssize_t n, Py_ssize_t k, const real* a, const real* B, real beta,
                       real* c) noexcept nogil:
    """c = a @ B + beta * c for a row a (k,) and B (k, n)."""
    cdef Py_ssize_t j = 0, l, n_piece, k_piece
    while j < n:
        n_piece = min(n - j, GEMV_SERIAL)
        l = 0
        while l < k:
            k_piece = min(k - l, max(1, GEMV_SERIAL // n_piece))
            gemv(n_piece, k_piece, a + l, B + l * n + j, n, beta if l == 0 else <real>1, c + j)
            l += k_piece
        j += n_piece


cdef void multiply(bint A_transposed, bint B_transposed, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k,
                   const real* A, const real* B, real beta, real* C) noexcept nogil:
    """C = op(A) @ op(B) + beta * C, all row-major and contiguous; C is (m, n), k is summed over.

    A is stored (m, k), or (k, m) where `A_transposed`; B (k, n), or (n, k) where `B_transposed`.
    C may not alias A or B. Widths are below 2³¹, which Layer sees to.
    """
    cdef Py_ssize_t lda = m if A_transposed else k, ldb = k if B_transposed else n
    cdef Py_ssize_t i = 0, j, l, m_piece, n_piece, k_piece, k_limit, n_limit
    cdef const real* A_piece
    cdef const real* B_piece
    if m == 1 and not B_transposed:
        multiply_row(n, k, A, B, beta, C)
        return
    if n <= GEMM_SERIAL // k // m:
        gemm(A_transposed, B_transposed, m, n, k, A, lda, B, ldb, beta, C, n)
        return
    while i < m:
        m_piece = min(m - i, PIECE)
        k_limit = min(k, PIECE if m_piece > PIECE // 2 else 2 * PIECE)
        n_limit = GEMM_SERIAL // (m_piece * k_limit)
        l = 0
        while l < k:
            k_piece = min(k - l, k_limit)
            A_piece = A + (l * lda + i if A_transposed else i * lda + l)
            j = 0
            while j < n:
                n_piece = min(n - j, n_limit)
                B_piece = B + (j * ldb + l if B_transposed else l * ldb + j)
                gemm(A_transposed, B_transposed, m_piece, n_piece, k_piece, A_piece, lda, B_piece, ldb,
                     beta if l == 0 else <real>1, C + i * n + j, n)
                j += n_piece
            l += k_piece
        i += m_piece
