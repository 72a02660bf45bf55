// Eigenpairs by LAPACK's divide and conquer, dsyevd.                                   [LAPACK Users' Guide, section 2.2.4]
//
// Debian's OpenBLAS exports LAPACK's Fortran routines but no C header for them, so the one we call is declared here.
#include <cassert>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/backend/kernels.hpp"
#include "engine/backend/openblas.hpp"

extern "C" void dsyevd_(const char* jobz, const char* uplo, const int* n, double* a, const int* lda, double* w,
                        double* work, const int* lwork, int* iwork, const int* liwork, int* info,
                        std::size_t jobz_length, std::size_t uplo_length);

namespace engine::backend {

void symmetric_eig(MutableTensor a, MutableTensor values) {
  use_one_blas_thread();
  const int N = static_cast<int>(a.shape()[0]);
  if (N == 0) return;
  const auto solve = [&](double* work, int work_size, int* iwork, int iwork_size) {
    int info = 0;
    dsyevd_("V", "U", &N, a.data<double>(), &N, values.data<double>(), work, &work_size, iwork, &iwork_size, &info, 1,
            1);
    assert(info >= 0);
    if (info > 0) {
      throw std::runtime_error("[symmetric_eig] LAPACK did not find the eigenvalues of a matrix of order " +
                               std::to_string(N) + ".");
    }
  };
  double best_work = 0.0;
  int best_iwork = 0;
  solve(&best_work, -1, &best_iwork, -1);  // asks how much room it wants
  std::vector<double> work(static_cast<std::size_t>(best_work));
  std::vector<int> iwork(static_cast<std::size_t>(best_iwork));
  solve(work.data(), static_cast<int>(work.size()), iwork.data(), static_cast<int>(iwork.size()));
}

}  // namespace engine::backend
