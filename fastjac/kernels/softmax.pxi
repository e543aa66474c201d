# The derivatives of softmax and log_softmax, dense matrices applied as rank-one updates.
#
#   softmax:      S = diag(s) − s sᵀ      (symmetric)
#   log_softmax:  L = I − 1 sᵀ
#
# Both S and L send a vector of equal entries to zero, so a constant may be subtracted from a vector
# before they are applied. Subtracting the entry at the largest s (index m) removes the cancellation
# of 1 − s_m where s_m is close to one: what remains is a sum over the other, small, s.


cdef inline Py_ssize_t largest(const real* s, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, m = 0
    for i in range(1, n):
        if s[i] > s[m]:
            m = i
    return m


cdef inline real centred_mean(const real* s, const real* r, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """Σ s_i (r_i − r_m) over i ≠ m; NaN if s is, even where there is no other i."""
    cdef Py_ssize_t i
    cdef real c = 0 * s[m]
    for i in range(n):
        if i != m:
            c += s[i] * (r[i] - r[m])
    return c


cdef void apply_softmax(const real* s, Py_ssize_t n_rows, Py_ssize_t n_cols, real* R) noexcept nogil:
    """R ← R @ (diag(s) − s sᵀ), for both sweeps, as S is symmetric."""
    cdef Py_ssize_t i, j, m = largest(s, n_cols)
    cdef real c, pivot
    cdef real* r
    for i in range(n_rows):
        r = R + i * n_cols
        c = centred_mean(s, r, n_cols, m)
        pivot = r[m]
        for j in range(n_cols):
            r[j] = s[j] * ((r[j] - pivot) - c)


cdef void apply_log_softmax_forward(const real* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                                    real* T) noexcept nogil:
    """T ← T @ (I − s 1ᵀ), the rows of T being directions of the input."""
    cdef Py_ssize_t i, j, m = largest(s, n_cols)
    cdef real c, pivot
    cdef real* t
    for i in range(n_rows):
        t = T + i * n_cols
        c = centred_mean(s, t, n_cols, m)
        pivot = t[m]
        for j in range(n_cols):
            t[j] = (t[j] - pivot) - c


cdef void apply_log_softmax_reverse(const real* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                                    real* R) noexcept nogil:
    """R ← R @ (I − 1 sᵀ), the rows of R being outputs."""
    cdef Py_ssize_t i, j, m = largest(s, n_cols)
    cdef real others = 0, rest, at_m
    cdef real* r
    for j in range(n_cols):
        if j != m:
            others += s[j]
    for i in range(n_rows):
        r = R + i * n_cols
        rest = 0
        for j in range(n_cols):
            if j != m:
                rest += r[j]
        at_m = r[m] * others - s[m] * rest
        rest += r[m]
        for j in range(n_cols):
            r[j] = r[j] - rest * s[j]
        r[m] = at_m


cdef inline void centre_columns(const real* Wt, Py_ssize_t ldw, const real* s, Py_ssize_t n_rows,
                                Py_ssize_t n_cols, Py_ssize_t m, real* c) noexcept nogil:
    """c = Σ s_i (Wt[i] − Wt[m]) over the rows i ≠ m."""
    cdef Py_ssize_t i, j
    cdef const real* pivot = Wt + m * ldw
    for j in range(n_cols):
        c[j] = 0 * s[m]
    for i in range(n_rows):
        if i != m:
            for j in range(n_cols):
                c[j] += s[i] * (Wt[i * ldw + j] - pivot[j])


cdef void form_softmax(const real* Wt, Py_ssize_t ldw, const real* s, Py_ssize_t n_rows, Py_ssize_t n_cols,
                       real* out, Py_ssize_t ld) noexcept nogil:
    """out = (diag(s) − s sᵀ) @ Wt; rows have lengths ldw and ld.  `out` may not alias `Wt`."""
    cdef Py_ssize_t i, j, m = largest(s, n_rows)
    cdef real* c = out + m * ld
    cdef const real* pivot = Wt + m * ldw
    centre_columns(Wt, ldw, s, n_rows, n_cols, m, c)
    for i in range(n_rows):
        if i != m:
            for j in range(n_cols):
                out[i * ld + j] = s[i] * ((Wt[i * ldw + j] - pivot[j]) - c[j])
    for j in range(n_cols):
        c[j] = -s[m] * c[j]


cdef void form_log_softmax(const real* Wt, Py_ssize_t ldw, const real* s, Py_ssize_t n_rows,
                           Py_ssize_t n_cols, real* out, Py_ssize_t ld) noexcept nogil:
    """out = (I − 1 sᵀ) @ Wt; rows have lengths ldw and ld.  `out` may not alias `Wt`."""
    cdef Py_ssize_t i, j, m = largest(s, n_rows)
    cdef real* c = out + m * ld
    cdef const real* pivot = Wt + m * ldw
    centre_columns(Wt, ldw, s, n_rows, n_cols, m, c)
    for i in range(n_rows):
        if i != m:
            for j in range(n_cols):
                out[i * ld + j] = (Wt[i * ldw + j] - pivot[j]) - c[j]
    for j in range(n_cols):
        c[j] = -c[j]
