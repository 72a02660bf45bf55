#include "tests/support/check_rules.hpp"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>

#include "engine/ops/ops.hpp"
#include "engine/tensor/hash.hpp"
#include "tests/support/layouts.hpp"
#include "tests/support/tensors.hpp"

namespace tests {
namespace {

using engine::DType;
using engine::Dual;
using engine::Function;
using engine::Linearization;
using engine::Random;
using engine::Tangent;
using engine::Tangents;
using engine::Tensor;
using engine::Var;
using engine::Vars;
using engine::VarSpan;

Vars as_vars(const std::vector<Tensor>& tensors) { return {tensors.begin(), tensors.end()}; }

// x + h v
std::vector<Tensor> moved(const std::vector<Tensor>& x, const Tangents& v, double h) {
  std::vector<Tensor> result;
  for (std::size_t i = 0; i < x.size(); ++i) result.push_back(add(x[i], scale(*v[i], h)).tensor());
  return result;
}

Tensor value(const Function& f, const std::vector<Tensor>& x) { return f(as_vars(x)).at(0).tensor(); }

Tensor difference_quotient(const std::function<Tensor(double)>& along, double h) {
  return scale(sub(along(h), along(-h)), 0.5 / h).tensor();
}

Tensor as(DType dtype, const Tensor& x) {
  return x.dtype() == dtype ? x : dtype == DType::f32 ? narrowed(x) : x.to(dtype);
}

Tensor push(const Linearization& record, const Tangents& v) { return record.push(v).at(0).value().tensor(); }

Tensor or_zeros(const Tangent& tangent, const Tensor& like) {
  return tangent.has_value() ? tangent->tensor() : Tensor::zeros(like.shape(), like.dtype());
}

class RuleChecker {
 public:
  RuleChecker(std::string name, Function f, std::vector<Tensor> inputs, RuleOptions options)
      : name_(std::move(name)),
        f_(std::move(f)),
        x_(std::move(inputs)),
        options_(std::move(options)),
        random_({2305, engine::hash_of(name_)}),
        record_(linearize(f_, as_vars(x_))),
        y_(record_.primals()[0].tensor()),
        v_(directions()),
        u_(direction(y_.shape())) {}

  void check_all() {
    check_value();
    check_first_order();
    check_repetition_and_linearity();
    check_absent_and_wanted();
    check_strides();
    check_f32(&narrowed, ": f32");
    check_f32(
        +[](const Tensor& x) { return strided(x.to(DType::f32)); }, ": f32 strided");
    check_other_paths();
    check_pull_into(DType::f64);
    check_pull_into(DType::f32);
    check_second_order();
  }

 private:
  Tensor direction(const engine::Shape& shape) {
    const Tensor dense = random_tensor(shape, random_);
    return options_.mixed_layouts ? laid_out(dense, random_) : dense;
  }
  Tangents directions() {
    Tangents result;
    for (const Tensor& input : x_) result.emplace_back(direction(input.shape()));
    return result;
  }

  void check_value() {
    if (options_.reference)
      check_close(y_, options_.reference(x_), options_.exact_tolerance, name_ + ": value against the reference");
    check_same_bits(value(f_, x_), y_, name_ + ": plain against recorded value");
  }

  void check_first_order() {
    const Tensor j_v = push(record_, v_);
    const Tensor quotient = difference_quotient([&](double h) { return value(f_, moved(x_, v_, h)); }, 1e-5);
    check_close(j_v, quotient, options_.difference_tolerance, name_ + ": push against central difference");
    const Tangents jt_u = record_.pull(Tangents{u_});
    const double forward = inner(Tangents{u_}, Tangents{j_v});
    const double backward = inner(jt_u, v_);
    BOOST_CHECK_MESSAGE(std::abs(forward - backward) <= options_.exact_tolerance * (100.0 + std::abs(forward)),
                        name_ << ": adjoint identity, " << forward << " against " << backward);
  }

  void check_repetition_and_linearity() {
    check_same_bits(push(record_, v_), push(record_, v_), name_ + ": push twice");
    const Tangents once = record_.pull(Tangents{u_});
    const Tangents twice = record_.pull(Tangents{u_});
    const Tensor u2 = direction(y_.shape());
    const Tangents other = record_.pull(Tangents{u2});
    const Tangents mixed = record_.pull(Tangents{add(scale(u_, 2.0), scale(u2, -3.0)).tensor()});
    for (std::size_t i = 0; i < x_.size(); ++i) {
      if (!once[i].has_value()) continue;
      check_same_bits(once[i]->tensor(), twice[i]->tensor(), name_ + ": pull twice");
      check_close(mixed[i]->tensor(), add(scale(*once[i], 2.0), scale(*other[i], -3.0)).tensor(),
                  options_.exact_tolerance, name_ + ": linearity of pull");
    }
    const Tangents w = directions();
    Tangents sum;
    for (std::size_t i = 0; i < x_.size(); ++i) sum.emplace_back(add(scale(*v_[i], 2.0), scale(*w[i], -3.0)));
    check_close(push(record_, sum), add(scale(push(record_, v_), 2.0), scale(push(record_, w), -3.0)).tensor(),
                options_.exact_tolerance, name_ + ": linearity of push");
  }

  void check_absent_and_wanted() {
    const Tangents full = record_.pull(Tangents{u_});
    for (std::size_t mask = 1; mask < (std::size_t{1} << x_.size()); ++mask) {
      const auto in_mask = [mask](std::size_t i) { return (mask >> i & 1) != 0; };
      Tangents sparse(x_.size());
      Tangents zeros(x_.size());
      std::vector<Tensor> chosen;
      for (std::size_t i = 0; i < x_.size(); ++i) {
        if (in_mask(i)) sparse[i] = v_[i];
        zeros[i] = in_mask(i) ? v_[i] : Tangent(Tensor::zeros(x_[i].shape(), DType::f64));
        if (in_mask(i)) chosen.push_back(x_[i]);
      }
      const Tangent pushed = record_.push(sparse)[0];
      check_close(or_zeros(pushed, y_), push(record_, zeros), options_.exact_tolerance, name_ + ": absent tangents");

      // Recording with the other inputs as constants asks the pullback for these inputs only.
      const Function partial = [&](VarSpan some) {
        Vars all;
        std::size_t position = 0;
        for (std::size_t i = 0; i < x_.size(); ++i) all.push_back(in_mask(i) ? some[position++] : Var(x_[i]));
        return f_(all);
      };
      const Tangents wanted = linearize(partial, as_vars(chosen)).pull(Tangents{u_});
      std::size_t position = 0;
      for (std::size_t i = 0; i < x_.size(); ++i) {
        if (!in_mask(i)) continue;
        check_same_bits(or_zeros(wanted[position++], x_[i]), or_zeros(full[i], x_[i]), name_ + ": wanted inputs");
      }
    }
  }

  void check_strides() {
    std::vector<Tensor> views;
    Tangents v_views;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      views.push_back(strided(x_[i]));
      v_views.emplace_back(strided(v_[i]->tensor()));
    }
    const Linearization record = linearize(f_, as_vars(views));
    check_close(record.primals()[0].tensor(), y_, options_.exact_tolerance, name_ + ": value of strided inputs");
    check_close(push(record, v_views), push(record_, v_), options_.exact_tolerance, name_ + ": push of strided inputs");
    const Tangents strided_pull = record.pull(Tangents{strided(u_)});
    const Tangents dense_pull = record_.pull(Tangents{u_});
    for (std::size_t i = 0; i < x_.size(); ++i) {
      check_close(or_zeros(strided_pull[i], x_[i]), or_zeros(dense_pull[i], x_[i]), options_.exact_tolerance,
                  name_ + ": pull of strided inputs");
    }
  }

  // In f32 other kernels run, so strides and streaming are checked here as well.
  void check_f32(Tensor (*in_f32)(const Tensor&), const std::string& which) {
    std::vector<Tensor> narrow;
    Tangents v_narrow;
    std::vector<Tensor> rounded;  // the f64 values f32 can hold, so that both see the same point
    Tangents v_rounded;
    for (std::size_t i = 0; i < x_.size(); ++i) {
      narrow.push_back(in_f32(x_[i]));
      rounded.push_back(narrow[i].to(DType::f64));
      v_narrow.emplace_back(in_f32(v_[i]->tensor()));
      v_rounded.emplace_back(v_narrow[i]->tensor().to(DType::f64));
    }
    const Linearization record = linearize(f_, as_vars(narrow));
    const Linearization exact = linearize(f_, as_vars(rounded));
    check_close(record.primals()[0].tensor(), exact.primals()[0].tensor(), options_.f32_tolerance,
                name_ + which + " value");
    check_close(push(record, v_narrow), push(exact, v_rounded), options_.f32_tolerance, name_ + which + " push");
    const std::vector<Tangents> along{v_narrow};
    check_same_bits(jvp(f_, as_vars(narrow), along)[0].tangents[0].value().tensor(), push(record, v_narrow),
                    name_ + which + " streaming against recording");
    const Tensor u = in_f32(u_);
    const Tangents narrow_pull = record.pull(Tangents{u});
    const Tangents exact_pull = exact.pull(Tangents{u.to(DType::f64)});
    for (std::size_t i = 0; i < x_.size(); ++i) {
      check_close(or_zeros(narrow_pull[i], narrow[i]), or_zeros(exact_pull[i], x_[i]), options_.f32_tolerance,
                  name_ + which + " pull");
    }
  }

  void check_other_paths() {
    const std::vector<Tangents> pair{v_, directions()};
    const Dual streamed = jvp(f_, as_vars(x_), pair).at(0);
    check_same_bits(streamed.primal.tensor(), y_, name_ + ": streamed value");
    for (std::size_t k = 0; k < 2; ++k) {
      check_same_bits(streamed.tangents[k].value().tensor(), push(record_, pair[k]),
                      name_ + ": streaming against recording");
    }
    // Inside an outer transform the recording sees followed values, where a fused op is replaced by its decomposition.
    const Function nested = [&](VarSpan x) {
      const Linearization record = linearize(f_, x);
      return Vars(record.primals().begin(), record.primals().end());
    };
    const Dual decomposed = jvp(nested, as_vars(x_), std::span(pair).first(1)).at(0);
    check_close(decomposed.primal.tensor(), y_, options_.exact_tolerance, name_ + ": value of the decomposition");
    check_close(decomposed.tangents[0].value().tensor(), push(record_, v_), 10 * options_.exact_tolerance,
                name_ + ": push of the decomposition");
    // A push of a recording is itself differentiable: its pull is the recording's pull, for fused ops too.
    const Function pushed = [&](VarSpan v) {
      const Tangents y_dot = record_.push(Tangents(v.begin(), v.end()));
      return Vars{*y_dot[0]};
    };
    Vars v_vars;
    for (const Tangent& v : v_) v_vars.push_back(*v);
    const Tangents through = vjp(pushed, v_vars, Tangents{u_}).second;
    const Tangents direct = record_.pull(Tangents{u_});
    for (std::size_t i = 0; i < x_.size(); ++i) {
      check_close(or_zeros(through[i], x_[i]), or_zeros(direct[i], x_[i]), options_.exact_tolerance,
                  name_ + ": pull of the push");
    }
  }

  // Pulling into sums the caller keeps: the first writes over what was there, the second adds.
  void check_pull_into(DType dtype) {
    Vars x;
    for (const Tensor& input : x_) x.emplace_back(as(dtype, input));
    const Tensor u = as(dtype, u_);
    const Tangents once = linearize(f_, x).pull(Tangents{u});
    std::vector<Tensor> kept;
    for (const Var& input : x)
      kept.push_back(Tensor::full(input.shape(), std::numeric_limits<double>::quiet_NaN(), input.dtype()));
    std::vector<engine::CotangentSum> sums;
    for (Tensor& values : kept) sums.push_back({values.writable()});
    for (int i = 0; i < 2; ++i) linearize(f_, x).pull_into(Tangents{u}, sums);
    for (std::size_t i = 0; i < x_.size(); ++i) {
      BOOST_CHECK_EQUAL(sums[i].empty, !once[i].has_value());
      if (once[i].has_value())
        check_close(kept[i], scale(*once[i], 2.0).tensor(),
                    dtype == DType::f64 ? options_.exact_tolerance : options_.f32_tolerance, name_ + ": pull_into");
    }
  }

  void check_second_order() {
    const Function scalar = [&](VarSpan x) { return Vars{dot(f_(x)[0], u_)}; };
    const Tangents w = directions();
    const Tangents h_v = hvp(scalar, as_vars(x_), v_);
    const Tangents h_w = hvp(scalar, as_vars(x_), w);
    const double left = inner(h_v, w);
    const double right = inner(h_w, v_);
    BOOST_CHECK_MESSAGE(std::abs(left - right) <= 10 * options_.exact_tolerance * (100.0 + std::abs(left)),
                        name_ << ": symmetry of the second derivative, " << left << " against " << right);
    const Function slope = [&](VarSpan x) {  // reverse over forward
      const std::vector<Tangents> directions{v_};
      const Tangent along = jvp(scalar, x, directions)[0].tangents[0];
      return Vars{along.has_value() ? *along : Var(Tensor::zeros({}, DType::f64))};
    };
    const Vars other_nesting = grad(slope)(as_vars(x_));
    for (std::size_t i = 0; i < x_.size(); ++i) {
      const Tensor quotient =
          difference_quotient([&](double h) { return grad(scalar)(as_vars(moved(x_, v_, h))).at(i).tensor(); }, 1e-5);
      check_close(or_zeros(h_v[i], x_[i]), quotient, 10 * options_.difference_tolerance,
                  name_ + ": second derivative against differences");
      check_close(other_nesting[i].tensor(), or_zeros(h_v[i], x_[i]), 100 * options_.exact_tolerance,
                  name_ + ": reverse over forward against forward over reverse");
    }
  }

  std::string name_;
  Function f_;
  std::vector<Tensor> x_;
  RuleOptions options_;
  Random random_;
  Linearization record_;
  Tensor y_;
  Tangents v_;
  Tensor u_;
};

}  // namespace

void check_rules(const std::string& name, const Function& f, const std::vector<Tensor>& inputs,
                 const RuleOptions& options) {
  RuleChecker(name, f, inputs, options).check_all();
}

}  // namespace tests
