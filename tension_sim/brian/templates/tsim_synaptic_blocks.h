// Rows and blocks of P from the index arrays of synapses, which a program has only once it runs. The numbers are those
// of find_wiring() and Blocks in Python. Arrays are vectors of the host, std's or those of Thrust.
#ifndef TSIM_SYNAPTIC_BLOCKS_H
#define TSIM_SYNAPTIC_BLOCKS_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace tsim {
namespace synaptic {

class Wiring {
    struct Synapse {
        std::int32_t target, source;
        std::int32_t* slot;
        bool operator<(const Synapse& other) const {
            return target != other.target ? target < other.target : source < other.source;
        }
    };
    const std::int32_t n_targets;
    const bool by_synapse;  // each synapse has a trace of its own, so no two rows share their P
    std::vector<Synapse> learned;

   public:
    Wiring(std::int32_t n_targets, bool by_synapse) : n_targets(n_targets), by_synapse(by_synapse) {}

    // The synapses of one object. Sources are numbered over all objects, targets from 0; trainable may be null.
    template <typename Indices, typename Flags, typename Slots>
    void add(const Indices& pre, std::int32_t shift, const Indices& post, std::int32_t first_target,
             const Flags* trainable, Slots& slot) {
        slot.assign(pre.size(), -1);
        for (std::size_t k = 0; k < pre.size(); k++) {
            if (trainable && !(*trainable)[k]) continue;
            const Synapse synapse = {std::int32_t(post[k]) - first_target, std::int32_t(pre[k]) + shift, &slot[k]};
            learned.push_back(synapse);
        }
    }

    // Orders them by targets and then sources.
    void order() {
        std::stable_sort(learned.begin(), learned.end());
        for (std::size_t place = 0; place < learned.size(); place++) *learned[place].slot = std::int32_t(place);
    }

    // Groups targets with the same sources, after order(); returns how many synapses learn.
    template <typename Numbers, typename Places, typename RowStart>
    std::int64_t find(Numbers& partner, Places& block_start, Numbers& rows, Places& block_rows, RowStart& row_start) {
        std::map<std::vector<std::int32_t>, std::size_t> number;
        std::vector<std::vector<std::int32_t> > rows_of;
        partner.clear();
        block_start.assign(1, 0);
        std::size_t next = 0;
        for (std::int32_t row = 0; row < n_targets; row++) {
            row_start[row] = next;
            std::vector<std::int32_t> sources;
            for (; next < learned.size() && learned[next].target == row; next++)
                sources.push_back(learned[next].source);
            if (sources.empty()) continue;
            std::size_t block = rows_of.size();
            if (!by_synapse) block = number.insert(std::make_pair(sources, block)).first->second;
            if (block == rows_of.size()) {
                rows_of.push_back(std::vector<std::int32_t>());
                partner.insert(partner.end(), sources.begin(), sources.end());
                block_start.push_back(partner.size());
            }
            rows_of[block].push_back(row);
        }
        row_start[n_targets] = next;
        rows.clear();
        block_rows.assign(1, 0);
        for (std::size_t block = 0; block < rows_of.size(); block++) {
            rows.insert(rows.end(), rows_of[block].begin(), rows_of[block].end());
            block_rows.push_back(rows.size());
        }
        return learned.size();
    }

    // Where each block begins in P and among the terms that wait; returns the number of blocks.
    template <typename Places, typename Counts>
    static std::int64_t measure(const Places& block_start, Places& P_start, Places& pending_start, Places& term_start,
                                Counts& max_pending) {
        P_start.assign(1, 0);
        pending_start.assign(1, 0);
        term_start.assign(1, 0);
        max_pending.clear();
        for (std::size_t block = 0; block + 1 < block_start.size(); block++) {
            const std::int64_t n = block_start[block + 1] - block_start[block];
            max_pending.push_back(rls::max_pending(n));
            P_start.push_back(P_start.back() + n * (n + 1) / 2);
            pending_start.push_back(pending_start.back() + n * max_pending.back());
            term_start.push_back(term_start.back() + max_pending.back());
        }
        return block_start.size() - 1;
    }
};

}  // namespace synaptic
}  // namespace tsim
#endif
