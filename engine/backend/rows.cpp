// Sums over axes, and the loops over rows (the last axis) that softmax, l2_normalize and cross_entropy are made of.
#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/backend/element_type.hpp"
#include "engine/backend/kernels.hpp"
#include "engine/backend/row_loops.hpp"
#include "engine/backend/vector_math.hpp"
#include "engine/tensor/walk.hpp"

namespace engine::backend {
namespace {

// Σ x², in f64: the squares of f32 values leave its range long before the values do.
template <class T>
double squares(const T* x, std::int64_t length) {
  double total = 0;
#pragma omp simd reduction(+ : total)
  for (std::int64_t i = 0; i < length; ++i) total += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return total;
}

template <class T>
T row_max(const T* x, std::int64_t length) {
  T largest = -std::numeric_limits<T>::infinity();
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 0; i < length; ++i) largest = std::max(largest, x[i]);
  return largest;
}

// p = softmax(scale·x) of `count` rows that lie one behind the other; log_sums, where not null, gets log Σ exp(scale·(x − max x)).
// scale is positive. The exps of all rows are taken in one loop: rows of attention are short, and the remainders of many short
// loops would be taken one by one.
template <class T>
void softmax_rows(const T* x, T scale, T* p, std::int64_t count, std::int64_t length, T* log_sums) {
  for (std::int64_t r = 0; r < count; ++r) {
    const T* row = x + r * length;
    T* out = p + r * length;
    const T largest = row_max(row, length);
#pragma omp simd
    for (std::int64_t i = 0; i < length; ++i) out[i] = scale * (row[i] - largest);
  }
#pragma omp simd
  for (std::int64_t i = 0; i < count * length; ++i) p[i] = vexp(p[i]);
  for (std::int64_t r = 0; r < count; ++r) {
    T* out = p + r * length;
    const T total = row_sum(out, length);
    const T inverse = T(1) / total;
#pragma omp simd
    for (std::int64_t i = 0; i < length; ++i) out[i] *= inverse;
    if (log_sums != nullptr) log_sums[r] = std::log(total);
  }
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes) {
  Shape kept = x.shape();
  Shape repeated = x.shape();  // the result's shape with extents of 1, to be laid under x with stride 0
  for (std::size_t i = axes.size(); i-- > 0;) {
    kept = kept.without(axes[i]);
    repeated = repeated.with(axes[i], 1);
  }
  Tensor result = Tensor::zeros(kept, x.dtype());
  with_float_type(x.dtype(), [&]<class T>() {
    T* total = result.writable().data<T>();
    const Tensor under = result.reshape(repeated).broadcast_to(x.shape());
    const T* in = x.data<T>();
    for_each_row<2, Tensor>(x.shape(), {&x, &under}, [&](const std::array<Run, 2>& runs, std::int64_t count) {
      const T* __restrict row = in + runs[0].offset;
      T* __restrict out = total + runs[1].offset;
      const std::int64_t step = runs[0].stride;
      if (runs[1].stride == 0) {
        if (step == 1) {
          *out += row_sum(row, count);
        } else {
          for (std::int64_t i = 0; i < count; ++i) *out += row[i * step];
        }
      } else if (step == 1 && runs[1].stride == 1) {
#pragma omp simd
        for (std::int64_t i = 0; i < count; ++i) out[i] += row[i];
      } else {
        for (std::int64_t i = 0; i < count; ++i) out[i * runs[1].stride] += row[i * step];
      }
    });
  });
  return result;
}

void sum_rows(const Tensor& x, MutableTensor out, bool accumulate) {
  const Tensor dense = x.contiguous();
  const Rows rows = rows_of(x.shape());
  with_float_type(x.dtype(), [&]<class T>() {
    T* __restrict total = out.data<T>();
    if (!accumulate) std::fill_n(total, rows.length, T(0));
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict row = dense.data<T>() + r * rows.length;
#pragma omp simd
      for (std::int64_t i = 0; i < rows.length; ++i) total[i] += row[i];
    }
  });
}

Tensor max_last(const Tensor& x) {
  const Tensor dense = x.contiguous();
  const Rows rows = rows_of(x.shape());
  Tensor result = Tensor::empty(x.shape().with(-1, 1), x.dtype());
  with_float_type(x.dtype(), [&]<class T>() {
    T* out = result.writable().data<T>();
    for (std::int64_t r = 0; r < rows.count; ++r) out[r] = row_max(dense.data<T>() + r * rows.length, rows.length);
  });
  return result;
}

double dot(const Tensor& a, const Tensor& b) {
  return with_float_type(a.dtype(), [&]<class T>() {
    const Tensor x = a.contiguous();
    const Tensor y = b.contiguous();
    const T* __restrict left = x.data<T>();
    const T* __restrict right = y.data<T>();
    const std::int64_t count = x.numel();
    double total = 0;
#pragma omp simd reduction(+ : total)
    for (std::int64_t i = 0; i < count; ++i) total += static_cast<double>(left[i]) * static_cast<double>(right[i]);
    return total;
  });
}

namespace {

template <class T>
void softmax_chunks(const T* x, T scale, T* p, const Rows& rows) {
  constexpr std::int64_t kChunk = 4096;  // elements: what stays in the first cache between the three passes
  const std::int64_t step = std::max<std::int64_t>(1, kChunk / std::max<std::int64_t>(rows.length, 1));
  for (std::int64_t begin = 0; begin < rows.count; begin += step) {
    const std::int64_t offset = begin * rows.length;
    softmax_rows<T>(x + offset, scale, p + offset, std::min(step, rows.count - begin), rows.length, nullptr);
  }
}

}  // namespace

void softmax(const Tensor& x, double scale, MutableTensor p) {
  with_float_type(x.dtype(), [&]<class T>() {
    softmax_chunks<T>(x.data<T>(), static_cast<T>(scale), p.data<T>(), rows_of(x.shape()));
  });
}

void softmax_in_place(MutableTensor x, double scale) {
  with_float_type(x.dtype(), [&]<class T>() {
    softmax_chunks<T>(x.data<T>(), static_cast<T>(scale), x.data<T>(), rows_of(x.shape()));
  });
}

void mask_future(MutableTensor scores) {
  const Rows rows = rows_of(scores.shape());
  with_float_type(scores.dtype(), [&]<class T>() {
    T* const first = scores.data<T>();
    for (std::int64_t r = 0; r < rows.count; ++r) {
      T* const row = first + r * rows.length;
      std::fill(row + r % rows.length + 1, row + rows.length, T(-1e30));
    }
  });
}

Tensor softmax_jacobian(const Tensor& p, const Tensor& v, double scale) {
  const Tensor dense = v.contiguous();
  const Tensor probabilities = p.contiguous();
  const Rows rows = rows_of(v.shape());
  Tensor result = Tensor::empty(v.shape(), v.dtype());
  with_float_type(v.dtype(), [&]<class T>() {
    T* out = result.writable().data<T>();
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict probability = probabilities.data<T>() + r * rows.length;
      const T* __restrict row = dense.data<T>() + r * rows.length;
      T* __restrict target = out + r * rows.length;
      const T mean = row_dot(probability, row, rows.length);
      const T factor = static_cast<T>(scale);
#pragma omp simd
      for (std::int64_t i = 0; i < rows.length; ++i) target[i] = factor * probability[i] * (row[i] - mean);
    }
  });
  return result;
}

Normalised normalise(const Tensor& x) {
  const Tensor dense = x.contiguous();
  const Rows rows = rows_of(x.shape());
  Normalised result{Tensor::empty(x.shape(), x.dtype()), Tensor::empty(x.shape().without(-1), x.dtype())};
  with_float_type(x.dtype(), [&]<class T>() {
    T* value = result.value.writable().data<T>();
    T* deviation = result.deviation.writable().data<T>();
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict row = dense.data<T>() + r * rows.length;
      T* __restrict out = value + r * rows.length;
      const T rho = static_cast<T>(1.0 / std::sqrt(squares(row, rows.length)));
#pragma omp simd
      for (std::int64_t i = 0; i < rows.length; ++i) out[i] = rho * row[i];
      deviation[r] = rho;
    }
  });
  return result;
}

Tensor normalise_jacobian(const Normalised& x, const Tensor& v) {
  const Tensor dense = v.contiguous();
  const Rows rows = rows_of(v.shape());
  Tensor result = Tensor::empty(v.shape(), v.dtype());
  with_float_type(v.dtype(), [&]<class T>() {
    T* out = result.writable().data<T>();
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict value = x.value.data<T>() + r * rows.length;
      const T* __restrict row = dense.data<T>() + r * rows.length;
      T* __restrict target = out + r * rows.length;
      const T rho = x.deviation.data<T>()[r];
      const T along = row_dot(value, row, rows.length);
#pragma omp simd
      for (std::int64_t i = 0; i < rows.length; ++i) target[i] = rho * (row[i] - value[i] * along);
    }
  });
  return result;
}

Tensor cross_entropy(const Tensor& logits, const Tensor& targets, Tensor* residual) {
  const Tensor z = logits.contiguous();
  const Tensor t = targets.contiguous();
  const Rows rows = rows_of(logits.shape());
  Tensor difference = Tensor::empty(logits.shape(), logits.dtype());
  double total = 0;
  with_float_type(logits.dtype(), [&]<class T>() {
    T* out = difference.writable().data<T>();
    const T inverse_count = T(1) / static_cast<T>(rows.count);
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const T* __restrict row = z.data<T>() + r * rows.length;
      const T* __restrict target = t.data<T>() + r * rows.length;
      T* __restrict p = out + r * rows.length;
      // −Σ t (x − max − log Σ e^(x − max)), over t ≠ 0 alone: a logit of −∞ where t = 0 is a class that cannot be.
      T log_sum = 0;
      softmax_rows(row, T(1), p, 1, rows.length, &log_sum);
      const T largest = row_max(row, rows.length);
      for (std::int64_t i = 0; i < rows.length; ++i) {
        if (target[i] != T(0))
          total += static_cast<double>(target[i]) * static_cast<double>(log_sum - (row[i] - largest));
      }
#pragma omp simd
      for (std::int64_t i = 0; i < rows.length; ++i) p[i] = (p[i] - target[i]) * inverse_count;
    }
  });
  if (residual != nullptr) *residual = difference;
  return Tensor::full({}, total / static_cast<double>(rows.count), logits.dtype());
}

}  // namespace engine::backend
