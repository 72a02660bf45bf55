// exp, erf and log that GCC may call four, eight or sixteen at a time inside `#pragma omp simd` loops.
//
// glibc ships vector versions (libmvec), but its headers offer them only under -ffast-math, which would also give up
// NaN and Inf. Declaring the functions again with the simd attribute offers them without it. Elsewhere the plain
// functions are called.
#pragma once

#include <cmath>

#if defined(__GLIBC__) && defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
extern "C" {
__attribute__((simd("notinbranch"), const)) float expf(float) noexcept;
__attribute__((simd("notinbranch"), const)) double exp(double) noexcept;
__attribute__((simd("notinbranch"), const)) float erff(float) noexcept;
__attribute__((simd("notinbranch"), const)) double erf(double) noexcept;
__attribute__((simd("notinbranch"), const)) float logf(float) noexcept;
__attribute__((simd("notinbranch"), const)) double log(double) noexcept;
__attribute__((simd("notinbranch"), const)) float tanhf(float) noexcept;
__attribute__((simd("notinbranch"), const)) double tanh(double) noexcept;
}
#endif

namespace engine::backend {

inline float vexp(float x) noexcept { return ::expf(x); }
inline double vexp(double x) noexcept { return ::exp(x); }
inline float verf(float x) noexcept { return ::erff(x); }
inline double verf(double x) noexcept { return ::erf(x); }
inline float vlog(float x) noexcept { return ::logf(x); }
inline double vlog(double x) noexcept { return ::log(x); }
inline float vtanh(float x) noexcept { return ::tanhf(x); }
inline double vtanh(double x) noexcept { return ::tanh(x); }

}  // namespace engine::backend
