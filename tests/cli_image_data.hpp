// A data set that trains in a moment.
#pragma once

#include "cli_process.hpp"

namespace cli_test {

// Two classes of 28x28 images, bright above or bright below, as IDX files in the folder "data".
inline void write_image_data(const Folder& folder, int train = 320, int test = 100) {
  fs::create_directory(folder / "data");
  const auto set = [&](const std::string& name, int count) {
    std::string images = std::string("\0\0\x08\x03\0\0", 6) + static_cast<char>(count / 256) +
                         static_cast<char>(count % 256) + std::string("\0\0\0\x1c\0\0\0\x1c", 8);
    std::string labels =
        std::string("\0\0\x08\x01\0\0", 6) + static_cast<char>(count / 256) + static_cast<char>(count % 256);
    for (int i = 0; i < count; ++i) {
      const bool above = i % 2 == 0;
      for (int pixel = 0; pixel < 28 * 28; ++pixel) {
        const int noise = (pixel * 31 + i * 17) % 64;
        images += static_cast<char>(noise + ((pixel < 14 * 28) == above ? 150 : 0));
      }
      labels += static_cast<char>(above);
    }
    folder.write("data/" + name + "-images-idx3-ubyte", images);
    folder.write("data/" + name + "-labels-idx1-ubyte", labels);
  };
  set("train", train);
  set("t10k", test);
}

}  // namespace cli_test
