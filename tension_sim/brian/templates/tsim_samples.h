// Samples that stay in their file, of which a window is in memory at a time; tsim_files.h comes before.
#ifndef TSIM_SAMPLES_H
#define TSIM_SAMPLES_H

#include <cstdint>
#include <sstream>

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

// Returns the number of rows, and ends the program if the numbers of a run do not fill whole rows.
inline int64_t whole_rows(const std::string& name, size_t count, int64_t columns)
{
    if (count == 0 || count % columns)
        end_with(unreadable, "could not play " + name + " (" + std::to_string(count) + " numbers are no rows of "
            + std::to_string(columns) + ")");
    return (int64_t)count/columns;
}

// The row of a time step: each is played for `every` steps, the first from first_step on.
inline int64_t row_at(int64_t step, int64_t first_step, int64_t every, bool periodic, int64_t rows)
{
    int64_t row = step - first_step;
    row = row >= 0 ? row/every : -1 - (-1 - row)/every;
    if (periodic)
        return (row % rows + rows) % rows;
    return row < 0 ? 0 : (row < rows ? row : rows - 1);
}

// Rows of numbers in a file, which are played as T.
template <typename T>
class SampleFile
{
    const std::string name;
    const int64_t columns;
    std::string path, type;
    size_t bytes = 0, offset = 0;
    int64_t window = 0;
    double scale = 1;
    int file = -1;
    struct stat found;
    int64_t first = 0, end = 0;
    std::vector<char> raw;

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

    template <typename S, typename V>
    void convert(size_t count, V& samples)
    {
        for (size_t k = 0; k < count; k++) {
            S number;
            std::memcpy(&number, raw.data() + k*sizeof(S), sizeof(S));
            const T value = (T)(scale*(double)number);
            if (!is_finite(value))
                unfit(name, path, "row " + std::to_string(first + (int64_t)k/columns) + " is not finite");
            samples[k] = value;
        }
    }

    // By numpy's name of the type in the file.
    template <typename V>
    void convert_from(size_t count, V& samples)
    {
        if (type == "f8") convert<double>(count, samples);
        else if (type == "f4") convert<float>(count, samples);
        else if (type == "i8") convert<std::int64_t>(count, samples);
        else if (type == "i4") convert<std::int32_t>(count, samples);
        else if (type == "i2") convert<std::int16_t>(count, samples);
        else if (type == "i1") convert<std::int8_t>(count, samples);
        else if (type == "u8") convert<std::uint64_t>(count, samples);
        else if (type == "u4") convert<std::uint32_t>(count, samples);
        else if (type == "u2") convert<std::uint16_t>(count, samples);
        else convert<std::uint8_t>(count, samples);
    }

public:
    // None where the samples are in memory.
    int64_t rows = 0;

    // `described` is a vector of characters as sample_file.py writes them, empty where there is no file.
    template <typename V>
    SampleFile(const char* name, const V& described, int64_t columns) : name(name), columns(columns)
    {
        std::istringstream fields(std::string(described.begin(), described.end()));
        int64_t modified, channels;
        fields >> type >> bytes >> modified >> offset >> rows >> channels >> window >> scale;
        fields.get();
        std::getline(fields, path, '\0');
        if (!described.empty() && path.empty())
            end_with(unreadable, std::string("could not understand which file holds ") + name);
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
        const size_t size = type[1] - '0';
        raw.resize(count*size);
        read_bytes(name, path, file, offset + (size_t)first*columns*size, raw.data(), count*size);
        check_unchanged();
        samples.resize((size_t)window*columns);
        convert_from(count, samples);
        return true;
    }
};

}

#endif
