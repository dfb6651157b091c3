// What one thread owns: oneDNN's engine and stream, the compiled primitives of every shape seen, scratch
// memory, and the large buffers that go from one network to the next without page faults.
#pragma once

#include "assay/runtime/runtime.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <dnnl.hpp>

namespace assay {

// Cache-line aligned floats; large ones on huge pages where the system has them.
class FloatBuffer {
 public:
  FloatBuffer() = default;
  explicit FloatBuffer(std::int64_t floats);

  float* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* p) const;
  };
  std::unique_ptr<float, Free> data_;
  std::int64_t size_ = 0;
};

// Buffers that the last network gave back, for the next one.
class BufferPool {
 public:
  // At least `floats` floats of undefined content.
  FloatBuffer take(std::int64_t floats);
  void give_back(FloatBuffer buffer);
  void clear() { free_.clear(); }
  std::int64_t floats() const;

 private:
  std::vector<FloatBuffer> free_;
};

// A oneDNN primitive with one memory object per argument, so that a run only sets pointers.
class Primitive {
 public:
  struct Argument {
    int kind;  // DNNL_ARG_...
    dnnl::memory::desc layout;
  };
  Primitive(const dnnl::engine& engine, dnnl::primitive primitive, const std::vector<Argument>& arguments);

  // Pointers in the order of the constructor's arguments.
  void run(const dnnl::stream& stream, std::span<const float* const> pointers) const;
  void run(const dnnl::stream& stream, std::initializer_list<const float*> pointers) const {
    run(stream, std::span(pointers.begin(), pointers.size()));
  }

 private:
  dnnl::primitive primitive_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

// A cached value made for a key: primitives derive from it what they need.
struct Cached {
  virtual ~Cached() = default;
};

// Everything that a cached value depends on, as integers.
class CacheKey {
 public:
  explicit CacheKey(std::initializer_list<std::int64_t> values) : values_(values) {}
  CacheKey& add(std::int64_t value) {
    values_.push_back(value);
    return *this;
  }
  CacheKey& add(const dnnl::memory::desc& layout);
  friend bool operator==(const CacheKey&, const CacheKey&) = default;
  std::uint64_t hash() const;

 private:
  std::vector<std::int64_t> values_;
};

struct Worker::Implementation {
  // Throws std::bad_alloc.
  Implementation();

  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  BufferPool pool;
  std::int64_t memory_limit = 0;  // bytes; 0: none
  std::stop_token stop;

  // Scratch for oneDNN and for reorders; one primitive uses it at a time.
  float* scratch(std::int64_t floats) {
    if (scratch_.size() < floats) scratch_ = FloatBuffer(floats);
    return scratch_.data();
  }
  // Activations of the executables that share them. Grows, and moves then.
  float* shared_arena(std::int64_t floats) {
    if (shared_arena_.size() < floats) shared_arena_ = FloatBuffer(floats);
    return shared_arena_.data();
  }
  static std::int64_t scratch_floats(const dnnl::memory::desc& layout) {
    return static_cast<std::int64_t>(layout.get_size() / sizeof(float)) + 16;
  }

  template <class T, class Make>
  std::shared_ptr<T> cached(const CacheKey& key, Make&& make) {
    if (auto found = cache_.find(key); found != cache_.end())
      return std::static_pointer_cast<T>(found->second);
    if (cache_.size() >= cache_capacity) cache_.clear();  // living networks keep what they use
    require_memory_for_code();
    std::shared_ptr<T> value = make();
    cache_.emplace(key, value);
    return value;
  }

  // Copies `from` to `to` in another layout; both describe the same elements.
  void reorder(const dnnl::memory::desc& from_layout, const float* from, const dnnl::memory::desc& to_layout,
               float* to);

 private:
  friend class MemoryClaim;
  // Throws std::bad_alloc. oneDNN does not look whether there was memory for the code that it makes.
  static void require_memory_for_code();

  std::int64_t claimed_ = 0;  // bytes of the living networks
  static constexpr std::size_t cache_capacity = 8192;
  struct Hash {
    std::size_t operator()(const CacheKey& key) const { return static_cast<std::size_t>(key.hash()); }
  };
  std::unordered_map<CacheKey, std::shared_ptr<Cached>, Hash> cache_;
  FloatBuffer scratch_, shared_arena_;
};

// A living network's share of its worker's memory.
class MemoryClaim {
 public:
  // Throws InputError where the worker's limit does not allow it. What earlier networks left in the pool is
  // freed where it does not fit beside this one.
  MemoryClaim(Worker::Implementation& worker, std::int64_t bytes);
  ~MemoryClaim();
  MemoryClaim(const MemoryClaim&) = delete;
  MemoryClaim& operator=(const MemoryClaim&) = delete;

  std::int64_t bytes() const { return bytes_; }

 private:
  Worker::Implementation& worker_;
  std::int64_t bytes_;
};

}  // namespace assay
