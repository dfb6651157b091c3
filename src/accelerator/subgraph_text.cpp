#include "assay/accelerator/subgraph_text.hpp"

#include <fmt/format.h>

namespace assay {

std::string operation_text(const Subgraph& s) {
  std::string kind(s.kind == OpKind::activation ? to_string(s.activation) : to_string(s.kind));
  if (s.is_convolution()) kind = s.is_depthwise() ? "dw conv" : "conv";
  if (s.is_transposed()) kind += "^T";
  if (s.kind == OpKind::average_pool) kind = "avg pool";
  if (s.kind == OpKind::max_pool) kind = "max pool";
  if (s.kind == OpKind::global_average_pool) kind = "global pool";
  const bool window = s.taps() > 1 || s.is_convolution();
  std::string text = window ? fmt::format("{}x{} {}", s.kernel_h, s.kernel_w, kind) : kind;
  if (s.groups > 1 && !s.is_depthwise()) text += fmt::format(" g{}", s.groups);
  return text;
}

std::string size_text(const Subgraph& s) {
  std::string text = s.input.channels == s.output.channels
                         ? std::to_string(s.output.channels)
                         : fmt::format("{}→{}", s.input.channels, s.output.channels);
  if (s.stride_h > 1 || s.stride_w > 1)
    text += s.stride_h == s.stride_w ? fmt::format(" s{}", s.stride_h)
                                     : fmt::format(" s{}x{}", s.stride_h, s.stride_w);
  if (s.dilation_h > 1 || s.dilation_w > 1) text += fmt::format(" d{}", s.dilation_h);
  const Shape walked = s.walked();
  if (walked.height > 1 || walked.width > 1) text += fmt::format(" @{}", walked.height);
  if (walked.height != walked.width) text += fmt::format("x{}", walked.width);
  if (s.has(Subgraph::add)) text += " +add";
  if (s.has(Subgraph::multiply)) text += " +mul";
  return text;
}

}  // namespace assay
