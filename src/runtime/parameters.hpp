// The parameter tensors of an executable, in one block: values first, then gradients.
#pragma once

#include "assay/runtime/runtime.hpp"

#include "worker.hpp"

#include <deque>
#include <span>
#include <vector>

#include <dnnl.hpp>

namespace assay {

struct ParameterTensor {
  OpId op = 0;
  ParameterRole role = ParameterRole::weight;
  std::vector<std::int64_t> dims;
  std::int64_t fan_in = 1, fan_out = 1;  // of the weights; a bias has those of its weights
  bool trained = true;                   // has a gradient
  // How it is stored: floats, and for weights oneDNN's description (same dims as `dims`, so that a reorder to
  // it writes the padding). Vectors are stored plainly, padded with zeros.
  std::int64_t floats = 0;
  dnnl::memory::desc layout;
  float* value = nullptr;
  float* gradient = nullptr;

  std::int64_t elements() const;
  void set_layout(const dnnl::memory::desc& stored);
};

class ParameterSet {
 public:
  // Addresses stay valid.
  ParameterTensor& add(ParameterTensor tensor);
  // Kernels have set every layout: the floats that values and, if wanted, gradients take.
  std::int64_t floats(bool gradients) const;
  // Of the largest tensor in plain layout, for the way in and out.
  std::int64_t largest() const;
  // Takes the memory, all zero.
  void allocate(Worker::Implementation& worker, bool gradients);
  void release(Worker::Implementation& worker) { worker.pool.give_back(std::move(memory_)); }

  std::size_t size() const { return tensors_.size(); }
  ParameterTensor& operator[](std::size_t index) { return tensors_[index]; }
  const ParameterTensor& operator[](std::size_t index) const { return tensors_[index]; }
  std::int64_t bytes() const { return bytes_; }

  void initialise(Worker::Implementation& worker, Initialisation initialisation, std::uint64_t seed,
                  std::uint64_t fingerprint);

 private:
  std::deque<ParameterTensor> tensors_;
  FloatBuffer memory_;
  std::int64_t bytes_ = 0;
};

// Between the plain layout and the stored one.
void store_parameter(Worker::Implementation& worker, const ParameterTensor& tensor, const float* plain,
                     float* stored);
void load_parameter(Worker::Implementation& worker, const ParameterTensor& tensor, const float* stored,
                    float* plain);

}  // namespace assay
