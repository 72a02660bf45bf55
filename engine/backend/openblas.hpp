// OpenBLAS with one thread: a shard runs on one, and with several it sums in an order that depends on their number.
//                                                                                           PRIVATE to engine.
#pragma once

#include <cblas.h>

namespace engine::backend {

inline void use_one_blas_thread() {  // before each call of OpenBLAS
  static const bool once = (openblas_set_num_threads(1), true);
  (void)once;
}

}  // namespace engine::backend
