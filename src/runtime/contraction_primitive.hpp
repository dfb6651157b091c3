// oneDNN primitives for contractions, one per geometry, number of images and direction, cached by the worker.
#pragma once

#include "contraction.hpp"
#include "worker.hpp"

#include <memory>

#include <dnnl.hpp>

namespace assay {

// A compiled contraction and the layouts that it wants, which are ours wherever oneDNN has fast code for
// them.
struct CachedContraction : Cached {
  Primitive primitive;  // arguments: source, weights, destination, scratchpad; bias and addend if there are
  dnnl::memory::desc source, weights, destination;
  std::int64_t scratch = 0;  // floats of oneDNN's scratchpad

  explicit CachedContraction(Primitive p) : primitive(std::move(p)) {}
};

std::shared_ptr<CachedContraction> forward_primitive(Worker::Implementation& worker, const Contraction& c,
                                                     int images, const Epilogue& epilogue);
// Source and destination are their gradients here; so are the weights and the bias in the next one.
std::shared_ptr<CachedContraction> data_gradient_primitive(Worker::Implementation& worker, Contraction c,
                                                           int images);
std::shared_ptr<CachedContraction> weight_gradient_primitive(Worker::Implementation& worker,
                                                             const Contraction& c, int images);

// Our layout of an activation of the contraction (`c.in` or `c.out`).
dnnl::memory::desc activation_layout(const Contraction& c, const Extent& extent, int images);
// The same stored weights, with their padding known as such: a reorder to this layout writes zeros there.
dnnl::memory::desc with_real_dims(dnnl::memory::desc layout, const Contraction& c);

}  // namespace assay
