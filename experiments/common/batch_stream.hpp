// The batches of a training run in the order of its steps, read, decoded and cropped ahead of it on threads beside those
// that train. Step s takes batch s mod M of epoch s / M, where an epoch has M; who is faster changes no bit.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "datasets/loader.hpp"
#include "engine/parallel/ahead.hpp"
#include "engine/parallel/shards.hpp"

namespace experiments {

class BatchStream {
 public:
  static constexpr std::int64_t kLead =
      2;  // batches made before they are asked for; one more is in the trainer's hands

  // Of steps begin .. end − 1. `threads` work on one batch together; the loader must outlive the stream. Throws as
  // engine::ShardPool and engine::Ahead.
  BatchStream(const datasets::Loader& loader, std::int64_t begin, std::int64_t end, int threads);

  // Throws here what reading this batch threw, such as the error that names a damaged file; never that of a later one.
  datasets::Batch next();
  double seconds_waited() const noexcept { return ahead_.seconds_waited(); }  // in next(), for batches not yet made

 private:
  engine::ShardPool readers_;
  std::vector<std::optional<datasets::Batch>> slots_;  // batch s in slot s mod their number
  engine::Ahead ahead_;                                // last, so that it stops before what it writes to is gone
};

}  // namespace experiments
