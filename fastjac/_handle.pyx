"""The packed network as C sees it: its memory, and who still needs it.

Counted references instead of Python's: a program may be held, used and freed by threads that Python
does not know, after the Network is gone.
"""

from libc.stdint cimport uintptr_t
from libc.stdlib cimport calloc, free

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    #define FJ_ADD(counter, n) (_InterlockedExchangeAdd((counter), (n)) + (n))
    #else
    #define FJ_ADD(counter, n) __atomic_add_fetch((counter), (n), __ATOMIC_ACQ_REL)
    #endif
    """
    long FJ_ADD(long* counter, long n) noexcept nogil


cdef program_t* new_program() noexcept nogil:
    """An empty program with one reference, or NULL if there is no memory."""
    cdef program_t* program = <program_t*>calloc(1, sizeof(program_t))
    if program != NULL:
        program.n_references = 1
    return program


cdef void* new_block(program_t* program, size_t nbytes) noexcept nogil:
    """Zeros on a boundary of a vector that live as long as the program, or NULL if there is no memory."""
    cdef block_t* block = <block_t*>calloc(1, sizeof(block_t) + ALIGNMENT + nbytes)
    if block == NULL:
        return NULL
    block.next = program.blocks
    program.blocks = block
    return <void*>((<uintptr_t>(block + 1) + ALIGNMENT - 1) & ~<uintptr_t>(ALIGNMENT - 1))


cdef void retain(program_t* program) noexcept nogil:
    FJ_ADD(&program.n_references, 1)


cdef void release(program_t* program) noexcept nogil:
    """Give one reference back; the last one frees the program and gives its base back."""
    cdef program_t* base
    cdef block_t* block
    while program != NULL and FJ_ADD(&program.n_references, -1) == 0:
        base = program.base
        while program.blocks != NULL:
            block = program.blocks
            program.blocks = block.next
            free(block)
        free(program)
        program = base
