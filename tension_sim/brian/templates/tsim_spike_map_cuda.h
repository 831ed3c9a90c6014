// SpikeMap on the GPU: a block of threads for some rows, which walks through the spikes of the step in their order.
#ifndef TSIM_SPIKE_MAP_CUDA_H
#define TSIM_SPIKE_MAP_CUDA_H

namespace tsim {

// events[count_at] spikes of neurons in any order; those from start to stop are neurons start + shift and on of
// the map. slot: where the weights lie in w, or null. allowed: whether a target may be written to, or null. delay: in
// how many steps each weight arrives, or null; y is then a ring of `length` rows of `targets`, row `now` for this step.
// No atomic sums: where the spikes come in a fixed order, equal runs give equal bits.
template <typename W, typename A, typename Y>
__global__ void deliver(const std::int32_t* events, std::int64_t count_at, std::int64_t start, std::int64_t stop,
                        std::int64_t shift, const std::int64_t* out_start, const std::int32_t* post,
                        const std::int32_t* slot, const W* w, const double* scale, const A* allowed,
                        const std::int32_t* delay, std::int64_t now, std::int64_t length, std::int64_t targets, Y* y) {
    __shared__ std::int64_t begin[TSIM_THREADS], end[TSIM_THREADS];
    const int me = threadIdx.x;
    const std::int64_t row = (std::int64_t)blockIdx.x * TSIM_THREADS, count = events[count_at];
    for (std::int64_t done = 0; done < count; done += TSIM_THREADS) {
        // each thread looks for the part of one list that ends in the rows of the block
        begin[me] = end[me] = 0;
        const std::int64_t neuron = done + me < count ? events[done + me] : -1;
        if (neuron >= start && neuron < stop) {
            const std::int64_t* list = out_start + neuron + shift;
            begin[me] = first_at_least(post, list[0], list[1], row);
            end[me] = first_at_least(post, begin[me], list[1], row + TSIM_THREADS);
        }
        __syncthreads();
        for (int s = 0; s < TSIM_THREADS && done + s < count; s++) {
            for (std::int64_t j = begin[s] + me; j < end[s]; j += TSIM_THREADS)
                if (!allowed || allowed[post[j]])
                    y[(delay ? (now + delay[j]) % length * targets : 0) + post[j]] += (Y)*scale * w[slot ? slot[j] : j];
            __syncthreads();
        }
    }
}

// What arrives in this step is added, where the target may be written to; its row of the ring is free again.
template <typename A, typename Y>
__global__ void arrive(std::int64_t n, const A* allowed, Y* row, Y* y) {
    const std::int64_t i = thread_index();
    if (i >= n) return;
    if (!allowed || allowed[i]) y[i] += row[i];
    row[i] = 0;
}
}  // namespace tsim
#endif
