// What the engine's allocator holds, for tests and benchmarks.
#pragma once

#include <cstdint>

namespace engine {

struct MemoryStats {
  std::int64_t live_bytes = 0;  // in tensors now
  std::int64_t peak_bytes = 0;  // the most that ever was, since reset_peak_memory()
  std::int64_t system_requests =
      0;  // how often memory was taken from the system; a training step adds none once every thread has had a shard
};

MemoryStats memory_stats() noexcept;
void reset_peak_memory() noexcept;  // to the live bytes

}  // namespace engine
