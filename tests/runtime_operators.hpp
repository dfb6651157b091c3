// Networks around one operator, and the worker that runs them.
#pragma once

#include "assay/network/builder.hpp"

#include "runtime_compare.hpp"

namespace assay::test {

inline Worker& worker() {
  static Worker instance;
  return instance;
}

// One operator on a tensor that is not the network's input, so that both its gradients flow.
template <class Build>
Network around(const Shape& shape, Build&& build) {
  NetworkBuilder b(shape);
  const OpId x = b.activation(0, Activation::leaky_relu, "before", 0.7f);
  const OpId y = build(b, x);
  return std::move(b).finish(y);
}

inline Window asymmetric(int kernel, int stride) {
  Window w = Window::square(kernel, stride);
  w.pad_top += 1;
  w.pad_right += 2;
  return w;
}

}  // namespace assay::test
