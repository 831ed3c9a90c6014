// Where memory of a program begins. Arrays begin on a cache line: malloc's lie 16 bytes behind one, so that every second
// vector of a dense weight matrix spans two lines. What is large, vectors too, takes whole large pages, which the system
// gives at once: of an array that begins anywhere it makes hundreds of small ones at both ends. Included by one source
// alone. CUDA's device code has a `new` of its own.
#if !defined(TSIM_ALIGNED_H) && !defined(__CUDACC__)
#define TSIM_ALIGNED_H

#include <cstdlib>
#include <new>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace tsim {

static const std::size_t large_page = 1 << 21;

static bool is_large(std::size_t bytes) { return bytes >= large_page/4*3; }

static void* aligned(std::size_t bytes)
{
    const std::size_t unit = is_large(bytes) ? large_page : 64;
    const std::size_t whole = bytes ? (bytes + unit - 1)/unit*unit : unit;
    void* memory = nullptr;
    if (whole < bytes || posix_memalign(&memory, unit, whole) != 0)
        throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
    if (is_large(bytes))
        madvise(memory, whole, MADV_HUGEPAGE);
#endif
    return memory;
}

}

void* operator new[](std::size_t bytes) { return tsim::aligned(bytes); }

void* operator new(std::size_t bytes)
{
    void* memory = tsim::is_large(bytes) ? tsim::aligned(bytes) : std::malloc(bytes ? bytes : 1);
    if (memory == nullptr)
        throw std::bad_alloc();
    return memory;
}

void operator delete[](void* array) noexcept { std::free(array); }
void operator delete[](void* array, std::size_t) noexcept { std::free(array); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif
