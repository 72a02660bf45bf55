// The threads of this process, as the system counts them.
#pragma once

#include <cstddef>

namespace tests {

std::ptrdiff_t running_threads();

// Waits until there are no more than `count`, 20 s at most: a joined thread is listed until the kernel has buried it, a
// little after `join` returns. Tells whether it came to that.
bool threads_fall_to(std::ptrdiff_t count);

}  // namespace tests
