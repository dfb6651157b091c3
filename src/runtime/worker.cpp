#include "worker.hpp"

#include <fmt/format.h>
#include <omp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SSE2__)
#include <pmmintrin.h>
#include <xmmintrin.h>
#endif

#include "assay/base/error.hpp"
#include "assay/base/hash.hpp"
#include "assay/base/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <new>

namespace assay {

FloatBuffer::FloatBuffer(std::int64_t floats) : size_(floats) {
  constexpr std::size_t page = std::size_t{2} << 20;
  const std::size_t bytes = static_cast<std::size_t>(floats) * sizeof(float);
  const std::size_t alignment = bytes >= page ? page : 64;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  if (bytes >= page) madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: failure costs speed only
  data_.reset(static_cast<float*>(memory));
}

void FloatBuffer::Free::operator()(float* p) const {
  std::free(p);
}

FloatBuffer BufferPool::take(std::int64_t floats) {
  auto best = free_.end();
  for (auto it = free_.begin(); it != free_.end(); ++it) {
    if (it->size() >= floats && (best == free_.end() || it->size() < best->size())) best = it;
  }
  if (best != free_.end()) {
    FloatBuffer buffer = std::move(*best);
    free_.erase(best);
    return buffer;
  }
  // None is large enough: the largest makes room, so that the pool does not grow with every size that it
  // sees.
  const auto largest =
      std::max_element(free_.begin(), free_.end(),
                       [](const FloatBuffer& a, const FloatBuffer& b) { return a.size() < b.size(); });
  if (largest != free_.end()) free_.erase(largest);
  return FloatBuffer(floats + floats / 4 + 1024);
}

void BufferPool::give_back(FloatBuffer buffer) {
  if (buffer.size() > 0) free_.push_back(std::move(buffer));
}

std::int64_t BufferPool::floats() const {
  std::int64_t sum = 0;
  for (const FloatBuffer& buffer : free_) sum += buffer.size();
  return sum;
}

Primitive::Primitive(const dnnl::engine& engine, dnnl::primitive primitive,
                     const std::vector<Argument>& arguments)
    : primitive_(std::move(primitive)) {
  memories_.reserve(arguments.size());
  for (const Argument& argument : arguments) {
    memories_.emplace_back(argument.layout, engine, nullptr);  // run() sets the pointer
    arguments_.push_back({argument.kind, memories_.back().get()});
  }
}

void Primitive::run(const dnnl::stream& stream, std::span<const float* const> pointers) const {
  std::size_t i = 0;
  for (const float* pointer : pointers) memories_[i++].set_data_handle(const_cast<float*>(pointer));
  const dnnl_status_t status = dnnl_primitive_execute(primitive_.get(), stream.get(),
                                                      static_cast<int>(arguments_.size()), arguments_.data());
  if (status != dnnl_success) {
    throw InternalError(
        fmt::format("oneDNN failed to execute a primitive (status {}).", static_cast<int>(status)));
  }
}

CacheKey& CacheKey::add(const dnnl::memory::desc& layout) {
  const dnnl_memory_desc_t& d = layout.data;
  add(d.ndims).add(d.format_desc.blocking.inner_nblks);
  for (int i = 0; i < d.ndims; ++i) {
    add(d.dims[i]).add(d.padded_dims[i]).add(d.format_desc.blocking.strides[i]);
  }
  for (int i = 0; i < d.format_desc.blocking.inner_nblks; ++i) {
    add(d.format_desc.blocking.inner_blks[i]).add(d.format_desc.blocking.inner_idxs[i]);
  }
  return *this;
}

std::uint64_t CacheKey::hash() const {
  return hash_bytes(values_.data(), values_.size() * sizeof(values_[0]));
}

namespace {

struct CachedReorder : Cached {
  CachedReorder(Primitive p, std::int64_t scratch_floats)
      : primitive(std::move(p)), scratch(scratch_floats) {}
  Primitive primitive;
  FloatBuffer scratch;  // next to nothing; its own, because the caller may be using the worker's
};

}  // namespace

void Worker::Implementation::reorder(const dnnl::memory::desc& from_layout, const float* from,
                                     const dnnl::memory::desc& to_layout, float* to) {
  const auto reorder = cached<CachedReorder>(CacheKey{'r'}.add(from_layout).add(to_layout), [&] {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc pd(engine, from_layout, engine, to_layout, attributes);
    return std::make_shared<CachedReorder>(Primitive(engine, dnnl::reorder(pd),
                                                     {{DNNL_ARG_FROM, from_layout},
                                                      {DNNL_ARG_TO, to_layout},
                                                      {DNNL_ARG_SCRATCHPAD, pd.scratchpad_desc()}}),
                                           scratch_floats(pd.scratchpad_desc()));
  });
  reorder->primitive.run(stream, {from, to, reorder->scratch.data()});
}

namespace {

// Throws std::bad_alloc unless the process may map that many bytes more. Asked for rather than tried: trying
// would take them from the other workers for a moment.
void require_addresses(std::int64_t bytes) {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  std::int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  if (static_cast<std::int64_t>(limit.rlim_cur) - pages * sysconf(_SC_PAGESIZE) < bytes)
    throw std::bad_alloc();
}

}  // namespace

void Worker::Implementation::require_memory_for_code() {
  require_addresses(std::int64_t{16} << 20);  // several primitives': other workers make some meanwhile
}

Worker::Implementation::Implementation() {
  // oneDNN makes its matrix products' code, once, in the first one that it computes: amid some network, where
  // nobody could tell any more that there was no memory for it.
  static const bool made = [] {
    require_addresses(std::int64_t{32} << 20);
    constexpr dnnl_dim_t size = 64;
    const std::vector<float> a(size * size), b(size * size);
    std::vector<float> c(size * size);
    return dnnl::sgemm('N', 'N', size, size, size, 1, a.data(), size, b.data(), size, 0, c.data(), size) ==
           dnnl::status::success;
  }();
  if (!made) throw InternalError("oneDNN computes no matrix product.");
}

MemoryClaim::MemoryClaim(Worker::Implementation& worker, std::int64_t bytes)
    : worker_(worker), bytes_(bytes) {
  const std::int64_t limit = worker.memory_limit;
  if (limit > 0 && worker.claimed_ + bytes > limit) {
    throw InputError(
        fmt::format("The network needs {}, but a worker may use {}. Use a smaller batch, fewer workers or a "
                    "higher limit.",
                    human_bytes(static_cast<std::uint64_t>(worker.claimed_ + bytes)),
                    human_bytes(static_cast<std::uint64_t>(limit))));
  }
  const std::int64_t kept = (worker.pool.floats() + worker.scratch_.size()) * std::int64_t{sizeof(float)};
  if (limit > 0 && worker.claimed_ + kept + bytes > limit) {
    worker.pool.clear();
    worker.scratch_ = FloatBuffer();
  }
  worker.claimed_ += bytes;
}

MemoryClaim::~MemoryClaim() {
  worker_.claimed_ -= bytes_;
}

Worker::Worker(int threads) {
  omp_set_num_threads(threads);
#if defined(__SSE2__)
  // Denormals cost a hundred times a normal float's time and carry no information here.
  _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
  _MM_SET_DENORMALS_ZERO_MODE(_MM_DENORMALS_ZERO_ON);
#endif
  // oneDNN's own cache holds 1024 primitives by default, which the convolutions of one search space overflow.
  dnnl::set_primitive_cache_capacity(8192);
  implementation_ = std::make_unique<Implementation>();
}

Worker::~Worker() = default;

void Worker::set_memory_limit(std::int64_t bytes) {
  implementation_->memory_limit = bytes;
}

void Worker::set_stop(std::stop_token stop) {
  implementation_->stop = std::move(stop);
}

std::string runtime_description() {
  const dnnl_version_t* version = dnnl_version();
  const char* isa = "unknown instruction set";
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      isa = "sse41";
      break;
    case dnnl::cpu_isa::avx:
      isa = "avx";
      break;
    case dnnl::cpu_isa::avx2:
      isa = "avx2";
      break;
    case dnnl::cpu_isa::avx2_vnni:
      isa = "avx2_vnni";
      break;
    case dnnl::cpu_isa::avx512_core:
      isa = "avx512_core";
      break;
    case dnnl::cpu_isa::avx512_core_vnni:
      isa = "avx512_core_vnni";
      break;
    case dnnl::cpu_isa::avx512_core_bf16:
      isa = "avx512_core_bf16";
      break;
    case dnnl::cpu_isa::avx512_core_amx:
      isa = "avx512_core_amx";
      break;
    default:
      break;
  }
  return fmt::format("oneDNN {}.{}.{}, {}", version->major, version->minor, version->patch, isa);
}

}  // namespace assay
