/* Preloaded: counts every call of the allocator in this process, by any thread and any library. */

#include <errno.h>
#include <stddef.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static long n_calls;

long allocator_calls(void) { return __atomic_load_n(&n_calls, __ATOMIC_RELAXED); }

static void count(void) { __atomic_add_fetch(&n_calls, 1, __ATOMIC_RELAXED); }

void *malloc(size_t nbytes) { count(); return __libc_malloc(nbytes); }
void *calloc(size_t n, size_t nbytes) { count(); return __libc_calloc(n, nbytes); }
void *realloc(void *block, size_t nbytes) { count(); return __libc_realloc(block, nbytes); }
void *memalign(size_t boundary, size_t nbytes) { count(); return __libc_memalign(boundary, nbytes); }
void *aligned_alloc(size_t boundary, size_t nbytes) { return memalign(boundary, nbytes); }
void free(void *block) { count(); __libc_free(block); }

int posix_memalign(void **block, size_t boundary, size_t nbytes) {
    *block = memalign(boundary, nbytes);
    return *block ? 0 : ENOMEM;
}
