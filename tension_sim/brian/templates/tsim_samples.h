// Samples that stay in their file, of which a window is in memory at a time; tsim_files.h comes before.
#ifndef TSIM_SAMPLES_H
#define TSIM_SAMPLES_H

#include <cstdint>

namespace tsim {

// Whether a number is finite, by its bits: fast maths takes every number for one that is.
inline bool is_finite(double x)
{
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return (bits >> 52 & 0x7ff) != 0x7ff;
}

inline bool is_finite(float x)
{
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return (bits >> 23 & 0xff) != 0xff;
}

// Rows of numbers of type S in a file, which are played as T.
template <typename S, typename T>
class SampleFile
{
    const std::string name, path;
    const size_t bytes, offset;
    const int64_t columns, window;
    const double scale;
    int file = -1;
    struct stat found;
    int64_t first = 0, end = 0;
    std::vector<S> raw;

    void open_it()
    {
        file = open(path.c_str(), O_RDONLY);
        if (file < 0 || fstat(file, &found) != 0)
            unfit(name, path, std::strerror(errno));
        if ((size_t)found.st_size != bytes)
            unfit(name, path, "it has " + std::to_string((unsigned long long)found.st_size) + " bytes, not the "
                + std::to_string(bytes) + " that it had when the program was made");
    }

    void check_unchanged()
    {
        struct stat now;
        if (fstat(file, &now) != 0)
            unfit(name, path, std::strerror(errno));
        if (now.st_size < found.st_size)
            unfit(name, path, "it became shorter meanwhile");
        if (now.st_size != found.st_size || now.st_mtime != found.st_mtime)
            unfit(name, path, "it was changed meanwhile");
    }

public:
    const int64_t rows;

    // `bytes` of the whole file, `offset` of the first row, rows in a `window`.
    SampleFile(const char* name, const char* path, size_t bytes, size_t offset, int64_t rows, int64_t columns,
               int64_t window, double scale)
        : name(name), path(path), bytes(bytes), offset(offset), columns(columns), window(window), scale(scale),
          rows(rows)
    {
    }

    int64_t first_row() const { return first; }

    // Makes a row part of the window, a vector; returns whether that had to be read anew.
    template <typename V>
    bool load(int64_t row, V& samples)
    {
        if (row >= first && row < end)
            return false;
        if (file < 0)
            open_it();
        first = row;
        end = std::min(row + window, rows);
        const size_t count = (size_t)(end - first)*columns;
        raw.resize(count);
        read_bytes(name, path, file, offset + (size_t)first*columns*sizeof(S), reinterpret_cast<char*>(raw.data()),
                   count*sizeof(S));
        check_unchanged();
        samples.resize((size_t)window*columns);
        for (size_t k = 0; k < count; k++) {
            const T value = (T)(scale*(double)raw[k]);
            if (!is_finite(value))
                unfit(name, path, "row " + std::to_string(first + (int64_t)k/columns) + " is not finite");
            samples[k] = value;
        }
        return true;
    }
};

}

#endif
