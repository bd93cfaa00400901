#include "compiler/codegen/index.h"

#include <algorithm>
#include <limits>

namespace plimsoll::codegen {
namespace {
constexpr int64_t kUnbounded = int64_t{1} << 40;  // of a value known only at run time
int64_t FloorOf(int64_t a, int64_t b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }
}  // namespace

int IndexSpace::AddDim(int64_t extent) {
  const int dim = NumDims();
  Atom atom{.kind = Atom::DIM, .dim = dim, .low = 0, .high = std::max<int64_t>(extent - 1, 0), .dims = Bit(dim)};
  dim_atoms_.push_back(static_cast<int>(atoms_.size()));
  atoms_.push_back(std::move(atom));
  return dim;
}

Index IndexSpace::Dim(int dim) const {
  const Atom& atom = atoms_[dim_atoms_[dim]];
  Index result;
  if (atom.high > 0) result.terms.emplace_back(dim_atoms_[dim], 1);
  return result;
}

Index IndexSpace::Runtime(const void* value, DimSet dims) {
  Index result;
  for (size_t i = 0; i < atoms_.size(); ++i)
    if (atoms_[i].kind == Atom::RUNTIME && atoms_[i].value == value) {
      result.terms.emplace_back(static_cast<int>(i), 1);
      return result;
    }
  result.terms.emplace_back(static_cast<int>(atoms_.size()), 1);
  atoms_.push_back(Atom{.kind = Atom::RUNTIME, .value = value, .low = -kUnbounded, .high = kUnbounded, .dims = dims});
  return result;
}

bool IndexSpace::HasRuntime(const Index& index) const {
  for (auto [number, c] : index.terms) {
    const Atom& atom = atoms_[number];
    if (atom.kind == Atom::RUNTIME || (atom.kind == Atom::FLOOR && HasRuntime(atom.numerator))) return true;
  }
  return false;
}

Index IndexSpace::Add(const Index& a, const Index& b) const {
  Index sum(a.constant + b.constant);
  size_t i = 0, j = 0;
  while (i < a.terms.size() || j < b.terms.size()) {
    if (j == b.terms.size() || (i < a.terms.size() && a.terms[i].first < b.terms[j].first)) {
      sum.terms.push_back(a.terms[i++]);
    } else if (i == a.terms.size() || b.terms[j].first < a.terms[i].first) {
      sum.terms.push_back(b.terms[j++]);
    } else {
      if (const int64_t c = a.terms[i].second + b.terms[j].second; c != 0) sum.terms.emplace_back(a.terms[i].first, c);
      ++i, ++j;
    }
  }
  return sum;
}

Index IndexSpace::Scale(const Index& a, int64_t factor) const {
  if (factor == 0) return Index(0);
  Index result(a.constant * factor);
  for (auto [atom, c] : a.terms) result.terms.emplace_back(atom, c * factor);
  return result;
}

std::pair<int64_t, int64_t> IndexSpace::Range(const Index& a) const {
  int64_t low = a.constant, high = a.constant;
  for (auto [number, c] : a.terms) {
    const Atom& atom = atoms_[number];
    low += c > 0 ? c * atom.low : c * atom.high;
    high += c > 0 ? c * atom.high : c * atom.low;
  }
  // d * k - k * (d floordiv k) stays below k, although the terms taken one by one do not show it.
  for (auto [number, c] : a.terms) {
    const Atom& floor = atoms_[number];
    if (floor.kind != Atom::FLOOR || c != -floor.divisor) continue;
    const Index rest = Add(Add(a, Scale(floor.numerator, -1)), [&] { Index t; t.terms.emplace_back(number, floor.divisor); return t; }());
    if (rest.terms.size() >= a.terms.size()) continue;
    auto [l, h] = Range(rest);
    low = std::max(low, l);
    high = std::min(high, h + floor.divisor - 1);
  }
  return {low, high};
}

Index IndexSpace::FloorDiv(const Index& a, int64_t divisor) {
  if (divisor == 1) return a;
  // divisor * whole + rest, the rest as small as possible.
  Index whole(FloorOf(a.constant, divisor)), rest(a.constant - FloorOf(a.constant, divisor) * divisor);
  for (auto [atom, c] : a.terms) {
    if (c % divisor == 0) whole.terms.emplace_back(atom, c / divisor);
    else rest.terms.emplace_back(atom, c);
  }
  auto [low, high] = Range(rest);
  if (low >= 0 && high < divisor) return whole;
  // floor((g * x + c) / (g * k)) = floor((x + floor(c / g)) / k)
  int64_t common = divisor;
  for (auto [atom, c] : rest.terms) {
    int64_t x = common, y = c < 0 ? -c : c;
    while (y != 0) x = std::exchange(y, x % y);
    common = x;
  }
  Index numerator(FloorOf(rest.constant, common));
  for (auto [atom, c] : rest.terms) numerator.terms.emplace_back(atom, c / common);
  const int64_t reduced = divisor / common;
  if (reduced == 1) return Add(whole, numerator);
  auto [nlow, nhigh] = Range(numerator);
  if (nlow >= 0 && nhigh < reduced) return whole;
  // floor(floor(x / p) / q) = floor(x / (p * q))
  if (numerator.terms.size() == 1 && numerator.constant == 0 && numerator.terms[0].second == 1) {
    const Atom inner = atoms_[numerator.terms[0].first];
    if (inner.kind == Atom::FLOOR) return Add(whole, FloorDiv(inner.numerator, inner.divisor * reduced));
  }
  int number = -1;
  for (size_t i = 0; i < atoms_.size() && number < 0; ++i)
    if (atoms_[i].kind == Atom::FLOOR && atoms_[i].divisor == reduced && atoms_[i].numerator == numerator) number = static_cast<int>(i);
  if (number < 0) {
    number = static_cast<int>(atoms_.size());
    const DimSet dims = Dims(numerator);
    atoms_.push_back(Atom{.kind = Atom::FLOOR, .numerator = numerator, .divisor = reduced, .low = FloorOf(nlow, reduced),
                          .high = FloorOf(nhigh, reduced), .dims = dims});
  }
  Index floor;
  floor.terms.emplace_back(number, 1);
  return Add(whole, floor);
}

Index IndexSpace::Mod(const Index& a, int64_t divisor) { return Add(a, Scale(FloorDiv(a, divisor), -divisor)); }

Index IndexSpace::Linearize(std::span<const Index> at, std::span<const int64_t> shape) const {
  Index position;
  int64_t stride = 1;
  for (size_t d = shape.size(); d-- > 0; stride *= shape[d]) position = Add(position, Scale(at[d], stride));
  return position;
}

std::vector<Index> IndexSpace::Delinearize(const Index& position, std::span<const int64_t> shape) {
  std::vector<Index> at(shape.size());
  Index rest = position;
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] <= 1) continue;
    bool outermost = true;
    for (size_t o = 0; o < d; ++o) outermost &= shape[o] <= 1;
    if (outermost) {
      at[d] = rest;
      break;
    }
    const Index quotient = FloorDiv(rest, shape[d]);
    at[d] = Add(rest, Scale(quotient, -shape[d]));
    rest = quotient;
  }
  return at;
}

DimSet IndexSpace::Dims(const Index& a) const {
  DimSet dims = 0;
  for (auto [atom, c] : a.terms) dims |= atoms_[atom].dims;
  return dims;
}

bool IndexSpace::Stride(const Index& a, int dim, int64_t* stride) const {
  *stride = 0;
  for (auto [number, c] : a.terms) {
    const Atom& atom = atoms_[number];
    if (!(atom.dims & Bit(dim))) continue;
    if (atom.kind != Atom::DIM) return false;
    *stride = c;
  }
  return true;
}

int IndexSpace::AsDim(const Index& a) const {
  if (a.constant != 0 || a.terms.size() != 1 || a.terms[0].second != 1) return -1;
  const Atom& atom = atoms_[a.terms[0].first];
  return atom.kind == Atom::DIM ? atom.dim : -1;
}

}  // namespace plimsoll::codegen
