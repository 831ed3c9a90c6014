// The package's CUDA kernels, for test_kernels.py to call.
#include "fake_cuda.h"

#define CUDA_SAFE_CALL(call) call
#define TSIM_LAUNCH(kernel, blocks, threads, ...) FAKE_LAUNCH(blocks, threads, kernel)(__VA_ARGS__)
#include "tsim_random.h"
#include "tsim_cuda.h"
#include "tsim_rls_cuda.h"
#include "tsim_spike_map_cuda.h"

typedef tsim::rls::Problem<double, double, 2> Problem;

extern "C" {
// The fields of the problem, in their order; scratch memory is made here.
bool rls_update(Problem* p, std::int64_t step, bool is_due, bool* settled) {
    p->small = tsim::rls::are_small<double>(p->n_blocks, p->block_start);
    tsim::rls::allocate(*p);
    return tsim::rls::update(*p, step, is_due, *settled);
}

void linear_map(std::int64_t rows, std::int64_t sources, std::int64_t n_weights, const std::int64_t* row_start,
                const std::int32_t* partner, const double* w, const double* x, double* y) {
    const int lanes = tsim::lanes_for(n_weights, rows);
    TSIM_LAUNCH(tsim::multiply, tsim::blocks_for(rows * lanes), TSIM_THREADS, rows, sources, lanes, row_start, partner,
                w, x, y);
}

void spike_order(std::int64_t n, std::int32_t* events) {
    std::vector<std::int32_t> ranked(n + 1, -7);
    TSIM_LAUNCH(tsim::rank_events, tsim::blocks_for(n + 1), TSIM_THREADS, n, events, ranked.data());
    std::copy(ranked.begin(), ranked.end(), events);
}

std::int64_t spike_list(std::int64_t n, const std::int32_t* events, std::int64_t start, std::int64_t stop,
                        std::int64_t step, double now, std::int64_t* listed, std::int32_t* neuron, double* t,
                        std::int32_t* count) {
    TSIM_LAUNCH(tsim::list_spikes, tsim::blocks_for(stop - start), TSIM_THREADS, n, events, start, stop, step, now,
                listed, neuron, t, count);
    return tsim::listed_by_now(listed);
}

void spike_map(std::int64_t rows, const std::int32_t* events, std::int64_t n, std::int64_t start, std::int64_t stop,
               std::int64_t shift, const std::int64_t* out_start, const std::int32_t* post, const double* w,
               const std::int32_t* slot, double scale, const std::int32_t* delay, std::int64_t now, std::int64_t length,
               double* y) {
    TSIM_LAUNCH(tsim::deliver, tsim::blocks_for(rows), TSIM_THREADS, events, n, start, stop, shift, out_start, post,
                slot, w, &scale, (const char*)nullptr, delay, now, length, rows, y);
}

void arrive(std::int64_t n, const char* allowed, double* row, double* y) {
    TSIM_LAUNCH(tsim::arrive, tsim::blocks_for(n), TSIM_THREADS, n, allowed, row, y);
}

void recorder(std::int64_t n, const std::int32_t* indices, const double* x, double* to) {
    TSIM_LAUNCH(tsim::gather, tsim::blocks_for(n), TSIM_THREADS, n, indices, x, to);
}
}
