// A list of oneDNN primitives and the memory they work on: built once, run often.
#pragma once

#include "assay/network/operator.hpp"

#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dnnl.hpp>

namespace assay {

// The geometry of a convolution or pooling, in oneDNN's words.
struct Geometry {
  explicit Geometry(const Window& w)
      : kernel{w.kernel_h, w.kernel_w},
        strides{w.stride_h, w.stride_w},
        dilations{w.dilation_h - 1, w.dilation_w - 1},
        begin{w.pad_top, w.pad_left},
        end{w.pad_bottom, w.pad_right} {}
  dnnl::memory::dims kernel, strides, dilations, begin, end;
};

dnnl::primitive_attr user_scratchpad(const dnnl::post_ops& ops = {});

class CallList {
 public:
  void run() {
    for (const auto& [primitive, arguments] : calls_) primitive.execute(stream_, arguments);
  }

 protected:
  using Layout = dnnl::memory::desc;
  using Arguments = std::unordered_map<int, dnnl::memory>;

  static std::span<float> floats(const dnnl::memory& memory);
  dnnl::memory allocate(const Layout& layout);
  // These append a call; the result is there once it has run.
  template <class Primitive>
  void call(const typename Primitive::primitive_desc& pd, Arguments arguments);
  dnnl::memory copy(const dnnl::memory& from, const Layout& to);
  dnnl::memory in_layout(const dnnl::memory& from, const Layout& to);  // copies if it must
  dnnl::memory sum(const std::vector<dnnl::memory>& terms);            // of one term: itself
  // At once.
  void copy_now(dnnl::memory from, dnnl::memory to);
  // After the last call: gives all of them the same scratchpad.
  void share_scratchpad();

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};

 private:
  struct Free {
    void operator()(void* p) const;
  };

  dnnl::stream stream_{engine_};
  std::vector<std::unique_ptr<void, Free>> storage_;
  std::vector<std::pair<dnnl::primitive, Arguments>> calls_;
  std::vector<dnnl::memory> scratchpads_;
};

template <class Primitive>
void CallList::call(const typename Primitive::primitive_desc& pd, Arguments arguments) {
  scratchpads_.emplace_back(pd.scratchpad_desc(), engine_, nullptr);
  arguments.emplace(DNNL_ARG_SCRATCHPAD, scratchpads_.back());
  calls_.emplace_back(Primitive(pd), std::move(arguments));
}

}  // namespace assay
