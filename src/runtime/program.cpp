#include "program.hpp"

#include "assay/base/error.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

#include <dnnl.hpp>

namespace assay {

namespace {

constexpr std::int64_t alignment_floats = 16;  // a cache line

std::int64_t align(std::int64_t floats) {
  return (floats + alignment_floats - 1) / alignment_floats * alignment_floats;
}

// The largest divisor of `batch` that is at most `limit`.
int divisor_at_most(int batch, std::int64_t limit) {
  for (int images = static_cast<int>(std::clamp<std::int64_t>(limit, 1, batch)); images > 1; --images) {
    if (batch % images == 0) return images;
  }
  return 1;
}

}  // namespace

BufferId Program::image_buffer(std::int64_t floats_per_image) {
  buffers_.push_back({.image_floats = floats_per_image});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

BufferId Program::batch_buffer(std::int64_t floats) {
  buffers_.push_back({.batch_floats = floats});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

void Program::resize(BufferId id, std::int64_t floats) {
  buffer(id).batch_floats = floats;
}

void Program::emit(OpId op, std::unique_ptr<Kernel> kernel, Access access) {
  steps_.push_back({.kernel = std::move(kernel), .access = std::move(access), .op = op, .extent = {}});
}

void Program::emit_tap(OpId op, BufferId id, const Extent& extent, Scope scope, BufferId beside) {
  std::vector<BufferId> reads = {id};
  if (beside != no_buffer) reads.push_back(beside);
  steps_.push_back({.kernel = nullptr,
                    .access = {.reads = std::move(reads), .writes = {}, .scope = scope},
                    .op = op,
                    .extent = extent});
}

void Program::begin_backward() {
  backward_step_ = static_cast<int>(steps_.size());
}

std::int64_t Program::plan(Worker::Implementation& worker) {
  if (backward_step_ < 0) begin_backward();
  find_lifetimes();
  find_segments();
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    if (!steps_[s].kernel) continue;
    try {
      steps_[s].kernel->bind(*this, worker, segments_[static_cast<std::size_t>(segment_of_[s])].images);
    } catch (const dnnl::error& error) {
      throw BindError{steps_[s].op, error.what()};
    }
  }
  assign_storage();
  return assign_offsets();
}

void Program::find_lifetimes() {
  const int end = static_cast<int>(steps_.size());
  for (int s = 0; s < end; ++s) {
    const Access& access = steps_[static_cast<std::size_t>(s)].access;
    for (const auto* ids : {&access.reads, &access.writes}) {
      for (const BufferId id : *ids) {
        Buffer& b = buffer(id);
        if (b.first < 0) b.first = s;
        b.last = s;
      }
    }
  }
  for (Buffer& b : buffers_) {
    if (b.first < backward_step_ && b.last >= backward_step_) b.last = end;  // backward may be run again
    if (b.kept) b.last = end;
    if (b.pinned) b.first = 0;
  }
}

Program::Appetite Program::appetite_of(const Step& step) const {
  Appetite appetite{1, step.kernel ? step.kernel->weight_floats() : 0};
  for (const auto* ids : {&step.access.reads, &step.access.writes}) {
    for (const BufferId id : *ids) appetite.floats += buffers_[static_cast<std::size_t>(id)].image_floats;
  }
  return appetite;
}

// As many as the cache holds, but enough to make up for reading the weights.
int Program::images_for(const Appetite& appetite) const {
  return divisor_at_most(batch_,
                         std::max(cache_floats_ / appetite.floats, 2 * appetite.weights / appetite.floats));
}

// Whether the step reads a whole-batch buffer that the segment beginning at `segment_begin` is still
// computing.
bool Program::waits_for(const Step& step, int segment_begin) const {
  return std::any_of(step.access.reads.begin(), step.access.reads.end(), [&](BufferId id) {
    const Buffer& b = buffers_[static_cast<std::size_t>(id)];
    return b.image_floats == 0 && b.first >= segment_begin;
  });
}

void Program::find_segments() {
  segment_of_.resize(steps_.size());
  bool open = false;
  Appetite largest{};  // of the open segment's steps
  for (int s = 0; s < static_cast<int>(steps_.size()); ++s) {
    const Step& step = steps_[static_cast<std::size_t>(s)];
    const bool whole = step.access.scope == Scope::whole_batch;
    const Appetite own = appetite_of(step);
    const int own_images = whole ? batch_ : images_for(own);
    if (s == backward_step_) backward_segment_ = segments_.size();

    bool joins = open && !whole && s != backward_step_ && !waits_for(step, segments_.back().first);
    if (joins) {
      const Appetite both{std::max(largest.floats, own.floats), std::max(largest.weights, own.weights)};
      const int images = divisor_at_most(batch_, cache_floats_ / both.floats);
      // Together they run on fewer images at a time than one of them would alone, and it would read its
      // weights more often: worth it only where those are small beside the activations.
      const bool loses = images < std::max(own_images, segments_.back().images);
      joins = !loses || 4 * both.weights <= images * both.floats;
      if (joins) {
        largest = both;
        segments_.back().images = std::min({images, own_images, segments_.back().images});
      }
    }
    if (!joins) {
      segments_.push_back({.first = s, .last = s, .images = own_images});
      largest = own;
    }
    segments_.back().last = s + 1;
    segment_of_[static_cast<std::size_t>(s)] = static_cast<int>(segments_.size()) - 1;
    open = !whole;
  }
  if (backward_step_ == static_cast<int>(steps_.size())) backward_segment_ = segments_.size();
}

bool Program::is_local(const Buffer& b) const {
  return b.image_floats > 0 && b.first >= 0 && !b.pinned && b.last < static_cast<int>(steps_.size()) &&
         segment_of_[static_cast<std::size_t>(b.first)] == segment_of_[static_cast<std::size_t>(b.last)];
}

void Program::assign_storage() {
  const auto segment_at = [&](int step) -> const Segment& {
    return segments_[static_cast<std::size_t>(segment_of_[static_cast<std::size_t>(step)])];
  };
  const int end = static_cast<int>(steps_.size());
  for (int s = 0; s < end; ++s) {
    const Access& access = steps_[static_cast<std::size_t>(s)].access;
    for (const BufferId id : access.writes) {
      Buffer& b = buffer(id);
      if (b.storage >= 0 || b.pinned) continue;
      const bool local = is_local(b);
      const int last = b.last == end || local ? b.last : segment_at(b.last).last - 1;
      for (const BufferId over : access.overwritable) {
        Buffer& victim = buffer(over);
        if (id != access.writes.front() || victim.last != s || victim.storage < 0 ||
            victim.image_floats != b.image_floats || victim.image_floats == 0 || is_local(victim) != local) {
          continue;
        }
        b.storage = victim.storage;
        Storage& storage = storages_[static_cast<std::size_t>(b.storage)];
        storage.last = std::max(storage.last, last);
        break;
      }
      if (b.storage >= 0) continue;
      const std::int64_t images = local ? segment_at(s).images : batch_;
      b.storage = static_cast<int>(storages_.size());
      storages_.push_back({.floats = align(b.image_floats > 0 ? b.image_floats * images : b.batch_floats),
                           .first = local ? s : segment_at(s).first,
                           .last = last});
    }
  }
  for (Buffer& b : buffers_) {
    if (b.storage >= 0) continue;
    b.storage = static_cast<int>(storages_.size());
    storages_.push_back(
        {.floats = align(b.image_floats > 0 ? b.image_floats * batch_ : b.batch_floats), .last = end});
  }
}

// Greedy by size: each storage goes to the lowest gap between those already placed that live at the same
// time.
std::int64_t Program::assign_offsets() {
  std::vector<int> order(storages_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return storages_[static_cast<std::size_t>(a)].floats > storages_[static_cast<std::size_t>(b)].floats;
  });
  std::vector<const Storage*> by_offset;
  by_offset.reserve(order.size());
  std::int64_t total = 0;
  for (const int index : order) {
    Storage& storage = storages_[static_cast<std::size_t>(index)];
    std::int64_t offset = 0;
    for (const Storage* other : by_offset) {
      if (other->last < storage.first || other->first > storage.last) continue;
      if (other->offset >= offset + storage.floats) break;
      offset = std::max(offset, other->offset + other->floats);
    }
    storage.offset = offset;
    total = std::max(total, offset + storage.floats);
    by_offset.insert(
        std::upper_bound(by_offset.begin(), by_offset.end(), &storage,
                         [](const Storage* a, const Storage* b) { return a->offset < b->offset; }),
        &storage);
  }
  return total;
}

void Program::place(float* arena) {
  placements_.resize(buffers_.size());
  for (std::size_t i = 0; i < buffers_.size(); ++i) {
    const Buffer& b = buffers_[i];
    placements_[i].data = arena + storages_[static_cast<std::size_t>(b.storage)].offset;
    placements_[i].image_stride = is_local(b) ? 0 : b.image_floats;
  }
}

std::int64_t Program::scratch_floats() const {
  std::int64_t most = 0;
  for (const Step& step : steps_) {
    if (step.kernel) most = std::max(most, step.kernel->scratch_floats());
  }
  return most;
}

void Program::run(std::size_t begin, std::size_t end, const Tap& tap, const std::stop_token& stop,
                  std::span<double> seconds) {
  using Clock = std::chrono::steady_clock;
  Frame frame;
  frame.placements = placements_;
  frame.batch = batch_;
  for (std::size_t i = begin; i < end; ++i) {
    const Segment& segment = segments_[i];
    frame.images = segment.images;
    for (frame.first_image = 0; frame.first_image < batch_; frame.first_image += segment.images) {
      for (int s = segment.first; s < segment.last; ++s) {
        if (stop.stop_requested()) throw Cancelled();
        Step& step = steps_[static_cast<std::size_t>(s)];
        if (step.kernel && seconds.empty()) {
          step.kernel->run(frame);
        } else if (step.kernel) {
          const auto start = Clock::now();
          step.kernel->run(frame);
          seconds[static_cast<std::size_t>(step.op)] +=
              std::chrono::duration<double>(Clock::now() - start).count();
        } else if (tap) {
          TensorView view = make_view(frame[step.access.reads.front()], frame.images, step.extent);
          view.first_image = frame.first_image;
          tap(step.op, view);
        }
      }
    }
  }
}

}  // namespace assay
