// Makers of all kernels that are not oneDNN's. Each has its file; the buffers they name are those of the
// program that they are emitted into.
#pragma once

#include "assay/network/operator.hpp"

#include "activation.hpp"
#include "layout.hpp"
#include "parameters.hpp"
#include "program.hpp"

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace assay {

// Makes K<16> or K<8>, whichever this CPU's channel blocks are.
template <template <int> class K, class... Arguments>
std::unique_ptr<Kernel> make_blocked(Arguments&&... arguments) {
  if (block_size() == 16) return std::make_unique<K<16>>(std::forward<Arguments>(arguments)...);
  return std::make_unique<K<8>>(std::forward<Arguments>(arguments)...);
}

// edges.cpp: between plain and blocked.
std::unique_ptr<Kernel> make_pack(BufferId plain, BufferId blocked, const Extent& extent);
std::unique_ptr<Kernel> make_unpack(BufferId blocked, BufferId plain, const Extent& extent);
// A tensor as part of a larger one, from channel `begin` of that on.
struct TensorPart {
  BufferId buffer;
  Extent extent;
  int begin;
};
// Tensors flattened, one behind the other, to one of a single pixel; and back, one of them.
std::unique_ptr<Kernel> make_flatten(std::vector<TensorPart> parts, BufferId y, const Extent& y_extent);
std::unique_ptr<Kernel> make_unflatten(BufferId dy, const Extent& y_extent, const TensorPart& part);

// rearrange.cpp: channels [begin, begin + part.channels) of `whole`.
std::unique_ptr<Kernel> make_slice(BufferId whole, const Extent& whole_extent, BufferId part,
                                   const Extent& part_extent, int begin);
// Writes all of `whole`: its parts one after the other, zeros elsewhere.
std::unique_ptr<Kernel> make_concat(std::vector<TensorPart> parts, BufferId whole,
                                    const Extent& whole_extent);
// Channel j * groups + i of y is channel i * (channels / groups) + j of x. With channels / groups instead of
// groups it is the way back.
std::unique_ptr<Kernel> make_channel_shuffle(int groups, const Extent& extent, BufferId x, BufferId y);

// pool.cpp
struct PoolGeometry {
  Window window;
  bool maximum = false;
  bool count_include_pad = false;
  Extent in, out;
};
std::unique_ptr<Kernel> make_pool(const PoolGeometry& geometry, BufferId x, BufferId y);
std::unique_ptr<Kernel> make_pool_gradient(const PoolGeometry& geometry, BufferId x, BufferId dy,
                                           BufferId dx);
std::unique_ptr<Kernel> make_global_pool(bool maximum, const Extent& in, BufferId x, BufferId y);
std::unique_ptr<Kernel> make_global_pool_gradient(bool maximum, const Extent& in, BufferId x, BufferId y,
                                                  BufferId dy, BufferId dx);

// multiply.cpp: y = f(a * b), either of them {c,1,1}; f(0) = 0.
std::unique_ptr<Kernel> make_multiply(BufferId a, const Extent& a_extent, BufferId b, const Extent& b_extent,
                                      const std::optional<ActivationFunction>& activation, BufferId y,
                                      const Extent& y_extent);
// Gradient of the operand of extent `to`; `other` is the other operand.
std::unique_ptr<Kernel> make_multiply_gradient(BufferId dy, const Extent& y_extent, BufferId other,
                                               const Extent& other_extent, BufferId dx, const Extent& to);

// resize.cpp
std::unique_ptr<Kernel> make_resize(ResizeMode mode, const Extent& in, const Extent& out, BufferId x,
                                    BufferId y);
std::unique_ptr<Kernel> make_resize_gradient(ResizeMode mode, const Extent& in, const Extent& out,
                                             BufferId dy, BufferId dx);

// layer_norm.cpp
struct LayerNorm {
  const ParameterTensor* scale = nullptr;
  const ParameterTensor* shift = nullptr;
  float epsilon = 1e-5f;
  Extent extent;
};
// y may overwrite x.
std::unique_ptr<Kernel> make_layer_norm(const LayerNorm& norm, BufferId x, BufferId y);
// Without dx, or without the parameters' gradients, where they are not wanted.
std::unique_ptr<Kernel> make_layer_norm_gradient(const LayerNorm& norm, BufferId x, BufferId dy, BufferId dx,
                                                 bool parameters);

// softmax.cpp
std::unique_ptr<Kernel> make_softmax(const Extent& extent, BufferId x, BufferId y);
std::unique_ptr<Kernel> make_softmax_gradient(const Extent& extent, BufferId y, BufferId dy, BufferId dx);

}  // namespace assay
