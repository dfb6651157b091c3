#include "runtime_calls.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace assay {

using dnnl::memory;
using Tag = memory::format_tag;

dnnl::primitive_attr user_scratchpad(const dnnl::post_ops& ops) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attributes.set_post_ops(ops);
  return attributes;
}

void CallList::Free::operator()(void* p) const {
  std::free(p);
}

std::span<float> CallList::floats(const memory& memory) {
  return {static_cast<float*>(memory.get_data_handle()), memory.get_desc().get_size() / sizeof(float)};
}

memory CallList::allocate(const Layout& layout) {
  constexpr std::size_t page = std::size_t{2} << 20;
  const std::size_t bytes = layout.get_size();
  const std::size_t alignment = bytes >= page ? page : 64;
  void* data = std::aligned_alloc(alignment, (bytes / alignment + 1) * alignment);
  if (data == nullptr) throw std::bad_alloc();
  storage_.emplace_back(data);
  if (bytes >= page) madvise(data, bytes, MADV_HUGEPAGE);  // a hint: failure costs speed only
  return {layout, engine_, data};
}

memory CallList::copy(const memory& from, const Layout& to) {
  const memory result = allocate(to);
  call<dnnl::reorder>({engine_, from.get_desc(), engine_, to, user_scratchpad()},
                      {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, result}});
  return result;
}

memory CallList::in_layout(const memory& from, const Layout& to) {
  return from.get_desc() == to ? from : copy(from, to);
}

memory CallList::sum(const std::vector<memory>& terms) {
  if (terms.size() == 1) return terms[0];
  const Layout layout = terms[0].get_desc();
  Arguments arguments;
  std::vector<Layout> layouts;
  for (const memory& term : terms) {
    arguments.emplace(DNNL_ARG_MULTIPLE_SRC + static_cast<int>(layouts.size()), in_layout(term, layout));
    layouts.push_back(layout);
  }
  const memory result = allocate(layout);
  arguments.emplace(DNNL_ARG_DST, result);
  call<dnnl::sum>({layout, std::vector<float>(terms.size(), 1.0f), layouts, engine_, user_scratchpad()},
                  std::move(arguments));
  return result;
}

void CallList::share_scratchpad() {
  std::size_t largest = 0;
  for (const memory& scratchpad : scratchpads_) largest = std::max(largest, scratchpad.get_desc().get_size());
  const memory shared = allocate({{static_cast<memory::dim>(largest)}, memory::data_type::u8, Tag::x});
  for (memory& scratchpad : scratchpads_) scratchpad.set_data_handle(shared.get_data_handle());
}

void CallList::copy_now(dnnl::memory from, dnnl::memory to) {
  dnnl::reorder(from, to).execute(stream_, from, to);
}

}  // namespace assay
