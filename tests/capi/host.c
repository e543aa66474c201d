/* A C program's part of the tests: it calls through the header only, and from threads that Python does not know. */

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fastjac.h"

/* Each function once, for the results y, J (by columns), u, g of one point and of n points. */
#define DEFINE_CALL_ALL(real, suffix)                                                                         \
    int call_all_##suffix(const fj_network *net, const real *x, const real *v, const real *w, real *y, real *J, \
                          real *u, real *g, void *work, size_t nbytes)                                        \
    {                                                                                                         \
        ptrdiff_t n = fj_n_in(net), k = fj_n_wrt(net), m = fj_n_out(net);                                     \
        int status = fj_value_##suffix(net, x, n, y, m, work, nbytes);                                        \
        status = status ? status : fj_jacobian_##suffix(net, x, n, J, m, k, 1, m, work, nbytes);              \
        status = status ? status : fj_value_and_jacobian_##suffix(net, x, n, y, m, J, m, k, 1, m, work, nbytes); \
        status = status ? status : fj_jvp_##suffix(net, x, n, v, k, u, m, work, nbytes);                      \
        return status ? status : fj_vjp_##suffix(net, x, n, w, m, g, k, work, nbytes);                        \
    }                                                                                                         \
                                                                                                              \
    int call_all_points_##suffix(const fj_network *net, ptrdiff_t n_points, const real *x, const real *v,     \
                                 const real *w, real *y, real *J, real *u, real *g, void *work, size_t nbytes) \
    {                                                                                                         \
        ptrdiff_t n = fj_n_in(net), k = fj_n_wrt(net), m = fj_n_out(net);                                     \
        int status = fj_value_points_##suffix(net, n_points, x, n, y, m, work, nbytes);                       \
        status = status ? status                                                                              \
                        : fj_jacobian_points_##suffix(net, n_points, x, n, J, m, k, m * k, 1, m, work, nbytes); \
        status = status ? status                                                                              \
                        : fj_value_and_jacobian_points_##suffix(net, n_points, x, n, y, m, J, m, k, m * k, 1, \
                                                                m, work, nbytes);                             \
        status = status ? status : fj_jvp_points_##suffix(net, n_points, x, n, v, k, u, m, work, nbytes);     \
        return status ? status : fj_vjp_points_##suffix(net, n_points, x, n, w, m, g, k, work, nbytes);       \
    }

DEFINE_CALL_ALL(double, f64)
DEFINE_CALL_ALL(float, f32)

int check_abi(const fj_network *net) { return fj_check_abi(net); }
const char *message(int status) { return fj_status_message(status); }
fj_network *retain(fj_network *net) { return fj_retain(net); }
void release(fj_network *net) { fj_release(net); }
size_t workspace_nbytes(const fj_network *net, ptrdiff_t n_points) { return fj_workspace_nbytes(net, n_points); }
ptrdiff_t size_of(const fj_network *net, int which)
{
    ptrdiff_t sizes[] = {fj_n_in(net), fj_n_wrt(net), fj_n_out(net), (ptrdiff_t)fj_itemsize(net)};
    return sizes[which];
}

/* ------------------------------------------------------------------ threads */

typedef struct task {
    fj_network *net;
    ptrdiff_t n_points;
    const double *x, *v, *w, *expected;
    int n_calls, n_wrong;
} task;

static void *evaluate(void *argument)
{
    task *mine = argument;
    ptrdiff_t n = mine->n_points, k = fj_n_wrt(mine->net), m = fj_n_out(mine->net);
    size_t nbytes = fj_workspace_nbytes(mine->net, n), n_results = (size_t)(n * (2 * m + m * k + k));
    void *work = malloc(nbytes);
    double *y = malloc(n_results * sizeof(double)), *J = y + n * m, *u = J + n * m * k, *g = u + n * m;
    for (int i = 0; i < mine->n_calls; i++) {
        fj_network *net = fj_retain(mine->net);
        int status = call_all_f64(net, mine->x, mine->v, mine->w, y, J, u, g, work, nbytes);
        status |= call_all_points_f64(net, n, mine->x, mine->v, mine->w, y, J, u, g, work, nbytes);
        mine->n_wrong += status != FJ_OK || memcmp(y, mine->expected, n_results * sizeof(double)) != 0;
        fj_release(net);
    }
    free(y);
    free(work);
    return NULL;
}

/* How many rounds of n_threads threads differ from what was expected: y, J by columns, u and g of all points;
   -1 if a thread cannot start. */
int evaluate_in_threads(fj_network *net, ptrdiff_t n_points, const double *x, const double *v, const double *w,
                        const double *expected, int n_threads, int n_calls)
{
    pthread_t threads[64];
    task tasks[64];
    int n_wrong = 0;
    for (int i = 0; i < n_threads; i++) {
        tasks[i] = (task){net, n_points, x, v, w, expected, n_calls, 0};
        if (pthread_create(&threads[i], NULL, evaluate, &tasks[i]) != 0)
            return -1;
    }
    for (int i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        n_wrong += tasks[i].n_wrong;
    }
    return n_wrong;
}

/* ------------------------------------------------------------------ memory */

/* How often ten rounds of all calls call the allocator, as count() of allocator_calls.c tells; -1 if one fails. */
#define DEFINE_ALLOCATIONS(real, suffix)                                                                      \
    long allocations_##suffix(long (*count)(void), fj_network *net, ptrdiff_t n_points, const real *x,        \
                              const real *v, const real *w, real *y, real *J, real *u, real *g, void *work,   \
                              size_t nbytes)                                                                  \
    {                                                                                                         \
        long before = count();                                                                                \
        int status = FJ_OK;                                                                                   \
        for (int i = 0; i < 10; i++) {                                                                        \
            fj_retain(net);                                                                                   \
            status |= call_all_##suffix(net, x, v, w, y, J, u, g, work, nbytes);                              \
            status |= call_all_points_##suffix(net, n_points, x, v, w, y, J, u, g, work, nbytes);             \
            fj_release(net);                                                                                  \
        }                                                                                                     \
        return status == FJ_OK ? count() - before : -1;                                                       \
    }

DEFINE_ALLOCATIONS(double, f64)
DEFINE_ALLOCATIONS(float, f32)

long allocations_of_a_block(long (*count)(void))
{
    void *(*volatile allocate)(size_t) = malloc; /* which no compiler leaves out */
    long before = count();
    free(allocate(1));
    return count() - before;
}
