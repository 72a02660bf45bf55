// How a loop over images is run: by the caller alone, or by whatever threads a program has. Data sets know no threads.
#pragma once

#include <cstdint>
#include <functional>

namespace datasets {

// Calls body(0) .. body(count - 1), in any order, perhaps several at once. If some throw, the exception of the
// lowest is thrown.
using ForEach = std::function<void(std::int64_t count, const std::function<void(std::int64_t)>& body)>;
void serial(std::int64_t count, const std::function<void(std::int64_t)>& body);  // one after the other

}  // namespace datasets
