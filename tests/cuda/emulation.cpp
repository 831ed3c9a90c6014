// The CUDA kernels on the CPU: a thread for each CUDA thread, one CUDA block after the other, forwards or backwards.
// Blocks of one launch must not depend on each other, so both orders must give the same bits.
#include <atomic>
#include <barrier>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

struct dim3 {
    unsigned x, y;
    dim3(unsigned x = 1, unsigned y = 1) : x(x), y(y) {}
};
static thread_local dim3 threadIdx, blockIdx, blockDim;
static std::unique_ptr<std::barrier<>> sync_point;
static bool backwards = false;

#define __global__
#define __device__
#define __host__
#define __shared__ static
static void __syncthreads() { sync_point->arrive_and_wait(); }
static void atomicOr(int* to, int value) { std::atomic_ref<int>(*to).fetch_or(value); }
static void atomicMin(std::int32_t* to, std::int32_t value) {
    std::atomic_ref<std::int32_t> now(*to);
    for (std::int32_t old = now; value < old && !now.compare_exchange_weak(old, value);) {}
}

#define CUDA_SAFE_CALL(call) call
enum { cudaMemcpyDeviceToHost };
static void cudaMalloc(void** to, std::size_t bytes) { std::memset(*to = std::malloc(bytes), 0xff, bytes); }
static void cudaMemcpy(void* to, const void* from, std::size_t bytes, int) { std::memcpy(to, from, bytes); }

template <typename Kernel>
static void emulate(dim3 grid, unsigned threads, Kernel kernel) {
    sync_point = std::make_unique<std::barrier<>>(threads);
    std::vector<std::thread> all;
    for (unsigned t = 0; t < threads; t++)
        all.emplace_back([=] {
            threadIdx = dim3(t, 0);
            blockDim = dim3(threads);
            const unsigned blocks = grid.x * grid.y;
            for (unsigned i = 0; i < blocks; i++) {
                const unsigned b = backwards ? blocks - 1 - i : i;
                blockIdx = dim3(b % grid.x, b / grid.x);
                kernel();
                sync_point->arrive_and_wait();
            }
        });
    for (auto& thread : all) thread.join();
}
#define TSIM_LAUNCH(kernel, blocks, threads, ...) emulate(blocks, threads, [&] { kernel(__VA_ARGS__); })

#include "tsim_chance.h"
#include "tsim_cuda.h"
#include "tsim_rls_cuda.h"

typedef tsim::rls::Problem<double, double, 2> Problem;

extern "C" {
void go_backwards(int yes) { backwards = yes; }

// The fields of the problem, in their order; scratch memory is made here.
bool rls_update(Problem* p, std::int64_t step) {
    if (!p->k) tsim::rls::allocate(*p);
    return tsim::rls::update(*p, step);
}

void linear_map(std::int64_t rows, std::int64_t sources, std::int64_t n_weights, const std::int64_t* row_start,
                const std::int32_t* partner, const double* w, const double* x, double* y) {
    const int lanes = tsim::lanes_for(n_weights, rows);
    TSIM_LAUNCH(tsim::multiply, tsim::blocks_for(rows * lanes), TSIM_THREADS, rows, sources, lanes, row_start, partner,
                w, x, y);
}

void signal(std::int64_t n, std::int64_t rows, std::int64_t step, std::int64_t first_step, std::int32_t periodic,
            const double* samples, double* value) {
    TSIM_LAUNCH(tsim::play, tsim::blocks_for(n), TSIM_THREADS, n, rows, step, &first_step, &periodic, samples, value);
}

void spike_order(std::int64_t n, std::int32_t* events) {
    std::vector<std::int32_t> ranked(n, -7);
    TSIM_LAUNCH(tsim::rank_events, tsim::blocks_for(n), TSIM_THREADS, n, events, ranked.data());
    TSIM_LAUNCH(tsim::copy_events, tsim::blocks_for(n), TSIM_THREADS, n, ranked.data(), events);
}

void recorder(std::int64_t n, const std::int32_t* indices, const double* x, double* to) {
    TSIM_LAUNCH(tsim::gather, tsim::blocks_for(n), TSIM_THREADS, n, indices, x, to);
}
}
