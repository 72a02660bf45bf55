// The benchmark as one side of a comparison with other frameworks: it is asked for one run at a time, so that the sides
// alternate. The protocol is that of experiments/peers/README.md.
#pragma once

namespace experiments::benchmarks {

void serve();  // until end of input or "quit"

}  // namespace experiments::benchmarks
