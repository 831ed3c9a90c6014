// Shared by the CUDA templates: launches, sums in a fixed order, and the kernels of the small objects.
#ifndef TSIM_CUDA_H
#define TSIM_CUDA_H

#include <cstdint>

#ifndef TSIM_LAUNCH  // a template's name goes in parentheses, for its commas
#define TSIM_LAUNCH(kernel, blocks, threads, ...)  \
    do {                                           \
        kernel<<<blocks, threads>>>(__VA_ARGS__);  \
        CUDA_CHECK_ERROR(kernel);                  \
    } while (0)
#endif

#ifndef TSIM_THREADS
#define TSIM_THREADS 128  // a power of two
#endif

namespace tsim {

static inline unsigned blocks_for(std::int64_t threads) {
    return (unsigned)((threads + TSIM_THREADS - 1) / TSIM_THREADS);
}

__device__ inline std::int64_t thread_index() { return (std::int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

// The sum of one value of each thread, for thread 0. The same pairs each time, so the same bits. Between two calls in
// one kernel there must be a barrier, for this and the next.
template <typename T>
__device__ inline T sum_of_block(T value) {
    __shared__ T part[TSIM_THREADS];
    const int me = threadIdx.x;
    part[me] = value;
    for (int step = TSIM_THREADS / 2; step > 0; step /= 2) {
        __syncthreads();
        if (me < step) part[me] += part[me + step];
    }
    return part[me];  // not part[0], which thread 0 may still be writing
}

// The largest value of the threads, in thread 0; NaN counts as nothing.
template <typename T>
__device__ inline T largest_of_block(T value) {
    __shared__ T part[TSIM_THREADS];
    const int me = threadIdx.x;
    part[me] = value;
    for (int step = TSIM_THREADS / 2; step > 0; step /= 2) {
        __syncthreads();
        if (me < step && part[me + step] > part[me]) part[me] = part[me + step];
    }
    return part[me];
}

// ---- Recorder: some elements, one after the other ----------------------------------------------------------------
template <typename X, typename V>
__global__ void gather(std::int64_t n, const std::int32_t* indices, const X* x, V* to) {
    const std::int64_t i = thread_index();
    if (i < n) to[i] = (V)x[indices[i]];
}

// ---- LinearMap: the parts of x, and y = W x ----------------------------------------------------------------------
template <typename X, typename V>
__global__ void copy(std::int64_t n, const X* from, V* to) {
    const std::int64_t i = thread_index();
    if (i < n) to[i] = (V)from[i];
}

// How many threads share a row: about eight terms for each. It decides the order of the sum, so nothing else may.
static inline int lanes_for(std::int64_t n_weights, std::int64_t n_rows) {
    int lanes = 1;
    while (lanes < TSIM_THREADS && (std::int64_t)lanes * 8 * n_rows < n_weights) lanes *= 2;
    return lanes;
}

// Dense rows lie n_sources apart; masked ones begin at row_start and name their partners.
template <typename W, typename X, typename Y>
__global__ void multiply(std::int64_t n_rows, std::int64_t n_sources, int lanes, const std::int64_t* row_start,
                         const std::int32_t* partner, const W* w, const X* x, Y* y) {
    __shared__ Y part[TSIM_THREADS];
    const int me = threadIdx.x, lane = me % lanes;
    const std::int64_t row = (std::int64_t)blockIdx.x * (TSIM_THREADS / lanes) + me / lanes;
    Y sum = 0;
    if (row < n_rows) {
        const std::int64_t begin = partner ? row_start[row] : row * n_sources;
        const std::int64_t end = partner ? row_start[row + 1] : begin + n_sources;
        for (std::int64_t j = begin + lane; j < end; j += lanes) sum += w[j] * x[partner ? partner[j] : j - begin];
    }
    part[me] = sum;
    for (int step = lanes / 2; step > 0; step /= 2) {
        __syncthreads();
        if (lane < step) part[me] += part[me + step];
    }
    if (row < n_rows && lane == 0) y[row] = part[me];
}

// ---- SpikeOrder: neurons that spiked, in ascending order ---------------------------------------------------------
// events[n] is how many of the n places are taken; no neuron occurs twice. The rest of `ranked` is -1, as Brian2 has it.
static __global__ void rank_events(std::int64_t n, const std::int32_t* events, std::int32_t* ranked) {
    const std::int64_t i = thread_index(), count = events[n];
    if (i == n) ranked[n] = (std::int32_t)count;
    if (i >= n) return;
    if (i >= count) {
        ranked[i] = -1;
        return;
    }
    const std::int32_t me = events[i];
    std::int64_t rank = 0;
    for (std::int64_t j = 0; j < count; j++) rank += events[j] < me;
    ranked[rank] = me;
}

// The first place from `begin` to `end` of an ascending list at which a value or more stands.
static __device__ std::int64_t first_at_least(const std::int32_t* sorted, std::int64_t begin, std::int64_t end,
                                              std::int64_t value) {
    while (begin < end) {
        const std::int64_t middle = begin + (end - begin) / 2;
        if (sorted[middle] < value)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

// ---- SpikeList: spikes of some neurons, one step after the other -------------------------------------------------
// The events are in order, and the lists have room for them. listed[step % 2] is how many spikes there are before the
// step, of which the device alone knows.
template <typename Time>
__global__ void list_spikes(std::int64_t n, const std::int32_t* events, std::int64_t start, std::int64_t stop,
                            std::int64_t step, Time now, std::int64_t* listed, std::int32_t* neuron, Time* t,
                            std::int32_t* count) {
    const std::int64_t i = thread_index(), before = listed[step % 2];
    const std::int64_t first = first_at_least(events, 0, events[n], start);
    const std::int64_t end = first_at_least(events, first, events[n], stop);
    if (i == 0) listed[(step + 1) % 2] = before + end - first;
    if (i >= end - first) return;
    const std::int32_t one = (std::int32_t)(events[first + i] - start);
    neuron[before + i] = one;
    t[before + i] = now;
    count[one]++;
}

static inline std::int64_t listed_by_now(const std::int64_t* listed) {
    std::int64_t both[2];
    CUDA_SAFE_CALL(cudaMemcpy(both, listed, sizeof both, cudaMemcpyDeviceToHost));
    return both[0] > both[1] ? both[0] : both[1];
}
}  // namespace tsim
#endif
