// Arrays of a program begin on a cache line: malloc's lie 16 bytes behind one, so that every second vector of a dense
// weight matrix spans two lines. Included by one source alone. CUDA's device code has a `new` of its own.
#if !defined(TSIM_ALIGNED_H) && !defined(__CUDACC__)
#define TSIM_ALIGNED_H

#include <cstdlib>
#include <new>

void* operator new[](std::size_t bytes)
{
    void* array = nullptr;
    if (posix_memalign(&array, 64, bytes ? bytes : 1) != 0)
        throw std::bad_alloc();
    return array;
}

void operator delete[](void* array) noexcept { std::free(array); }
void operator delete[](void* array, std::size_t) noexcept { std::free(array); }

#endif
