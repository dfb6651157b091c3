#include "contraction.hpp"

#include "contraction_primitive.hpp"

#include <array>

namespace assay {

namespace {

using Layout = dnnl::memory::desc;

// Common to the three directions: the primitive, and a place in the worker's scratch for each tensor that it
// wants in another layout than ours.
class ContractionKernel : public Kernel {
 public:
  ContractionKernel(const Contraction& contraction, const ContractionBuffers& buffers)
      : c_(contraction), buffers_(buffers) {}
  std::int64_t weight_floats() const override { return c_.weights(); }
  std::int64_t scratch_floats() const override { return scratch_; }

 protected:
  void prepare(Worker::Implementation& worker, std::shared_ptr<CachedContraction> primitive, int images,
               const Layout* weights) {
    worker_ = &worker;
    primitive_ = std::move(primitive);
    source_layout_ = activation_layout(c_, c_.in, images);
    destination_layout_ = activation_layout(c_, c_.out, images);
    scratch_ = primitive_->scratch;
    source_at_ = reserve(primitive_->source, source_layout_);
    destination_at_ = reserve(primitive_->destination, destination_layout_);
    if (weights != nullptr) weights_at_ = reserve(with_real_dims(primitive_->weights, c_), *weights);
  }
  // Offset in scratch, or -1 where the layouts agree.
  std::int64_t reserve(const Layout& wanted, const Layout& ours) {
    if (wanted == ours) return -1;
    const std::int64_t at = (scratch_ + 15) / 16 * 16;
    scratch_ = at + static_cast<std::int64_t>(wanted.get_size() / sizeof(float));
    return at;
  }
  static float* place(float* scratch, std::int64_t at, float* ours) { return at < 0 ? ours : scratch + at; }

  // `ours` in the primitive's layout.
  const float* fetch(float* scratch, std::int64_t at, const Layout& our_layout, const float* ours,
                     const Layout& wanted) const {
    if (at < 0) return ours;
    worker_->reorder(our_layout, ours, wanted, scratch + at);
    return scratch + at;
  }

  Contraction c_;
  ContractionBuffers buffers_;
  Worker::Implementation* worker_ = nullptr;
  std::shared_ptr<CachedContraction> primitive_;
  Layout source_layout_, destination_layout_;
  std::int64_t scratch_ = 0, source_at_ = -1, destination_at_ = -1, weights_at_ = -1;
};

// The two directions that read the weights. The first kernel bound gives these its layout; another one that
// wants them otherwise reorders them into `buffers.weights`, once per run of the batch.
class WeightedKernel : public ContractionKernel {
 protected:
  WeightedKernel(const Contraction& contraction, const ContractionBuffers& buffers, ParameterTensor& weight)
      : ContractionKernel(contraction, buffers), weight_(weight) {}

  void prepare_weighted(Program& program, Worker::Implementation& worker,
                        std::shared_ptr<CachedContraction> primitive, int images) {
    prepare(worker, std::move(primitive), images, nullptr);
    wanted_ = with_real_dims(primitive_->weights, c_);
    if (weight_.layout.data.ndims == 0) {
      weight_.set_layout(wanted_);
    } else if (wanted_ != weight_.layout) {
      program.resize(buffers_.weights, static_cast<std::int64_t>(wanted_.get_size() / sizeof(float)));
    }
  }
  const float* weights(const Frame& frame) const {
    if (wanted_ == weight_.layout) return weight_.value;
    float* reordered = frame[buffers_.weights];
    if (frame.is_first()) worker_->reorder(weight_.layout, weight_.value, wanted_, reordered);
    return reordered;
  }

 private:
  ParameterTensor& weight_;
  Layout wanted_;
};

class Forward : public WeightedKernel {
 public:
  Forward(const Contraction& contraction, const ContractionBuffers& buffers, ParameterTensor& weight,
          const ParameterTensor* bias, const Epilogue& epilogue)
      : WeightedKernel(contraction, buffers, weight), bias_(bias), epilogue_(epilogue) {}

  void bind(Program& program, Worker::Implementation& worker, int images) override {
    prepare_weighted(program, worker, forward_primitive(worker, c_, images, epilogue_), images);
  }

  void run(const Frame& frame) override {
    const float* w = weights(frame);
    float* scratch = worker_->scratch(scratch_);
    float* y = frame[buffers_.y];
    const float* x = fetch(scratch, source_at_, source_layout_, frame[buffers_.x], primitive_->source);
    float* out = place(scratch, destination_at_, y);
    std::array<const float*, 6> arguments = {x, w, out, scratch};
    std::size_t count = 4;
    if (bias_ != nullptr) arguments[count++] = bias_->value;
    if (epilogue_.add) arguments[count++] = frame[buffers_.addend];
    primitive_->primitive.run(worker_->stream, std::span(arguments).first(count));
    if (destination_at_ >= 0) worker_->reorder(primitive_->destination, out, destination_layout_, y);
  }

 private:
  const ParameterTensor* bias_;
  Epilogue epilogue_;
};

class DataGradient : public WeightedKernel {
 public:
  DataGradient(const Contraction& contraction, const ContractionBuffers& buffers, ParameterTensor& weight)
      : WeightedKernel(contraction, buffers, weight) {}

  void bind(Program& program, Worker::Implementation& worker, int images) override {
    prepare_weighted(program, worker, data_gradient_primitive(worker, c_, images), images);
  }

  void run(const Frame& frame) override {
    const float* w = weights(frame);
    float* scratch = worker_->scratch(scratch_);
    float* dx = frame[buffers_.dx];
    const float* dy =
        fetch(scratch, destination_at_, destination_layout_, frame[buffers_.dy], primitive_->destination);
    float* out = place(scratch, source_at_, dx);
    primitive_->primitive.run(worker_->stream, {out, w, dy, scratch});
    if (source_at_ >= 0) worker_->reorder(primitive_->source, out, source_layout_, dx);
  }
};

class WeightGradient : public ContractionKernel {
 public:
  WeightGradient(const Contraction& contraction, const ContractionBuffers& buffers,
                 const ParameterTensor& weight, const ParameterTensor* bias)
      : ContractionKernel(contraction, buffers), weight_(weight), bias_(bias) {}

  void bind(Program&, Worker::Implementation& worker, int images) override {
    prepare(worker, weight_gradient_primitive(worker, c_, images), images, &weight_.layout);
  }

  void run(const Frame& frame) override {
    float* scratch = worker_->scratch(scratch_);
    const float* x = fetch(scratch, source_at_, source_layout_, frame[buffers_.x], primitive_->source);
    const float* dy =
        fetch(scratch, destination_at_, destination_layout_, frame[buffers_.dy], primitive_->destination);
    float* out = place(scratch, weights_at_, weight_.gradient);
    if (bias_ != nullptr) {
      primitive_->primitive.run(worker_->stream, {x, out, dy, scratch, bias_->gradient});
    } else {
      primitive_->primitive.run(worker_->stream, {x, out, dy, scratch});
    }
    if (weights_at_ >= 0) {
      worker_->reorder(with_real_dims(primitive_->weights, c_), out, weight_.layout, weight_.gradient);
    }
  }

 private:
  const ParameterTensor& weight_;
  const ParameterTensor* bias_;
};

}  // namespace

bool Epilogue::supports(const ActivationFunction& function, const Extent& extent) {
  // ReLU6 as a oneDNN post-operation turns NaN into 0 and would hide an overflow; h-sigmoid does not exist.
  if (function.kind == Activation::relu6 || function.kind == Activation::h_sigmoid) return false;
  return function.keeps_zero() || extent.channels == extent.padded;
}

std::unique_ptr<Kernel> make_contraction(const Contraction& contraction, const ContractionBuffers& buffers,
                                         ParameterTensor& weight, const ParameterTensor* bias,
                                         const Epilogue& epilogue) {
  return std::make_unique<Forward>(contraction, buffers, weight, bias, epilogue);
}

std::unique_ptr<Kernel> make_contraction_data_gradient(const Contraction& contraction,
                                                       const ContractionBuffers& buffers,
                                                       ParameterTensor& weight) {
  Contraction blocked = contraction;
  blocked.in = Extent::blocked({contraction.in.channels, contraction.in.height, contraction.in.width});
  return std::make_unique<DataGradient>(blocked, buffers, weight);
}

std::unique_ptr<Kernel> make_contraction_weight_gradient(const Contraction& contraction,
                                                         const ContractionBuffers& buffers,
                                                         const ParameterTensor& weight,
                                                         const ParameterTensor* bias) {
  if (contraction.is_depthwise()) return make_depthwise_weight_gradient(contraction, buffers, weight, bias);
  return std::make_unique<WeightGradient>(contraction, buffers, weight, bias);
}

}  // namespace assay
