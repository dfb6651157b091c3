// Makers of all kernels that are not oneDNN's. Each has its file; the buffers they name are those of the
// program that they are emitted into.
#pragma once

#include "assay/network/operator.hpp"

#include "activation.hpp"
#include "layout.hpp"
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
// {c,h,w} -> {c*h*w,1,1} and back.
std::unique_ptr<Kernel> make_flatten(BufferId x, BufferId y, const Extent& extent);
std::unique_ptr<Kernel> make_unflatten(BufferId dy, BufferId dx, const Extent& extent);

// rearrange.cpp: channels [begin, begin + part.channels) of `whole`.
std::unique_ptr<Kernel> make_slice(BufferId whole, const Extent& whole_extent, BufferId part,
                                   const Extent& part_extent, int begin);
// Writes all of `whole`: its parts one after the other, zeros elsewhere.
struct Part {
  BufferId buffer;
  Extent extent;
  int begin;
};
std::unique_ptr<Kernel> make_concat(std::vector<Part> parts, BufferId whole, const Extent& whole_extent);

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

// softmax.cpp
std::unique_ptr<Kernel> make_softmax(const Extent& extent, BufferId x, BufferId y);
std::unique_ptr<Kernel> make_softmax_gradient(const Extent& extent, BufferId y, BufferId dy, BufferId dx);

}  // namespace assay
