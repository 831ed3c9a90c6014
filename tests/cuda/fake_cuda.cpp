#include "fake_cuda.h"

#include <ucontext.h>

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace {
struct Fiber {
    ucontext_t context;
    std::vector<char> stack;
    bool done;
};
const std::size_t STACK = 1 << 16;
ucontext_t scheduler;
std::vector<Fiber> fibers;
unsigned current;
const std::function<void()>* body;

void enter() {
    (*body)();
    fibers[current].done = true;
}
}  // namespace

void __syncthreads() { swapcontext(&fibers[current].context, &scheduler); }

fake::Counts fake::counts;

fake::Counts::~Counts() {
    if (const char* name = std::getenv("FAKE_CUDA_COUNTS")) {
        std::FILE* file = std::fopen(name, "w");
        std::fprintf(file, "%ld %ld\n", launches, waits);
        std::fclose(file);
    }
}

void fake::run(dim3 grid, dim3 block, const std::function<void()>& kernel) {
    counts.launches++;
    const unsigned blocks = grid.x * grid.y * grid.z, threads = block.x * block.y * block.z;
    if (!blocks || !threads || threads > 1024 || grid.y > 65535 || grid.z > 65535) {
        std::fprintf(stderr, "a GPU refuses to launch %u blocks of %u threads\n", blocks, threads);
        std::exit(1);
    }
    const char* order = std::getenv("FAKE_CUDA_ORDER");
    const bool backwards = order && !std::strcmp(order, "backwards");
    while (fibers.size() < threads) fibers.push_back({{}, std::vector<char>(STACK), true});
    body = &kernel;
    gridDim = grid;
    blockDim = block;
    for (unsigned i = 0; i < blocks; i++) {
        const unsigned b = backwards ? blocks - 1 - i : i;
        blockIdx = dim3(b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y);
        for (unsigned t = 0; t < threads; t++) {
            Fiber& fiber = fibers[t];
            fiber.done = false;
            getcontext(&fiber.context);
            fiber.context.uc_stack.ss_sp = fiber.stack.data();
            fiber.context.uc_stack.ss_size = STACK;
            fiber.context.uc_link = &scheduler;
            makecontext(&fiber.context, enter, 0);
        }
        for (unsigned left = threads; left;) {  // up to the next barrier
            unsigned exited = 0;
            for (unsigned j = 0; j < threads; j++) {
                current = backwards ? threads - 1 - j : j;
                if (fibers[current].done) continue;
                threadIdx = dim3(current, 0, 0);
                swapcontext(&scheduler, &fibers[current].context);
                exited += fibers[current].done;
            }
            if (exited && exited != left) {
                std::fprintf(stderr, "%u of %u threads passed a barrier that the others did not reach\n", left - exited, left);
                std::exit(1);
            }
            left -= exited;
        }
    }
}
