/* Nanoseconds of calls of fj_value_and_jacobian_f64 and _f32: each by itself, and many in a row. */

#include <stdlib.h>
#include <time.h>

#include "fastjac.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* Time of two readings of the clock, one after the other. */
double clock_nanoseconds(long n)
{
    double start = now();
    for (long i = 0; i < n; i++)
        (void)now();
    return (now() - start) / (double)n;
}

#define DEFINE_LATENCY(real, suffix)                                                                          \
    int samples_##suffix(const fj_network *net, long n_calls, const real *x, real *y, real *J, double *ns)    \
    {                                                                                                         \
        ptrdiff_t n = fj_n_in(net), k = fj_n_wrt(net), m = fj_n_out(net);                                     \
        size_t nbytes = fj_workspace_nbytes(net, 1);                                                          \
        void *work = malloc(nbytes);                                                                          \
        int status = FJ_OK;                                                                                   \
        for (long i = 0; status == FJ_OK && i < n_calls; i++) {                                               \
            double start = now();                                                                             \
            status = fj_value_and_jacobian_##suffix(net, x, n, y, m, J, m, k, k, 1, work, nbytes);            \
            ns[i] = now() - start;                                                                            \
        }                                                                                                     \
        free(work);                                                                                           \
        return status;                                                                                        \
    }                                                                                                         \
                                                                                                              \
    double in_a_row_##suffix(const fj_network *net, long n_calls, const real *x, real *y, real *J)            \
    {                                                                                                         \
        ptrdiff_t n = fj_n_in(net), k = fj_n_wrt(net), m = fj_n_out(net);                                     \
        size_t nbytes = fj_workspace_nbytes(net, 1);                                                          \
        void *work = malloc(nbytes);                                                                          \
        int status = FJ_OK;                                                                                   \
        double start = now();                                                                                 \
        for (long i = 0; status == FJ_OK && i < n_calls; i++)                                                 \
            status = fj_value_and_jacobian_##suffix(net, x, n, y, m, J, m, k, k, 1, work, nbytes);            \
        start = now() - start;                                                                                \
        free(work);                                                                                           \
        return status == FJ_OK ? start / (double)n_calls : -1;                                                \
    }

DEFINE_LATENCY(double, f64)
DEFINE_LATENCY(float, f32)
