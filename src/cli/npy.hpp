// NumPy's file format for one array (NEP 1), of float32: the simplest that every tool reads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace assay::cli {

struct NpyArray {
  std::vector<std::int64_t> dims;
  std::vector<float> values;  // the last dimension fastest
};

// Throws InputError naming the file for whatever is no array of little-endian float32 in C order.
NpyArray read_npy(const std::string& path);
void write_npy(const std::string& path, const NpyArray& array);

}  // namespace assay::cli
