#include "experiments/common/batch_stream.hpp"

#include <functional>
#include <utility>

namespace experiments {

// Batch s may be begun when s − kLead is taken and perhaps still being moved out of its slot, hence one slot more.
BatchStream::BatchStream(const datasets::Loader& loader, std::int64_t begin, std::int64_t end, int threads)
    : readers_(threads), slots_(kLead + 1), ahead_(begin, end, kLead, [this, &loader](std::int64_t step) {
        const datasets::ForEach on_readers = [this](std::int64_t count, const std::function<void(std::int64_t)>& body) {
          readers_.run(count, body);
        };
        const std::int64_t batches = loader.batches_per_epoch();
        slots_[static_cast<std::size_t>(step) % slots_.size()] =
            loader.batch(step / batches, step % batches, on_readers);
      }) {}

datasets::Batch BatchStream::next() {
  const std::int64_t step = ahead_.take();
  return std::exchange(slots_[static_cast<std::size_t>(step) % slots_.size()], std::nullopt).value();
}

}  // namespace experiments
