// Index expressions of a loop nest: linear combinations of loop dims, floor divisions and values known only at run time. Small
// algebra, exact: x - k * floor(x / k) is how a remainder is written, so that what a reshape takes apart and another puts
// together cancels, and a memory access shows its stride along each dim. Knows neither MLIR nor LLVM.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace plimsoll::codegen {

// constant + sum of coefficient * atom, sorted by atom, no zero coefficient.
struct Index {
  int64_t constant = 0;
  std::vector<std::pair<int, int64_t>> terms;

  Index() = default;
  explicit Index(int64_t value) : constant(value) {}
  bool operator==(const Index&) const = default;
  bool IsConstant() const { return terms.empty(); }
};

// The set of dims that something depends on, by dim number.
using DimSet = uint64_t;
inline DimSet Bit(int dim) { return DimSet{1} << dim; }

class IndexSpace {
 public:
  struct Atom {
    enum Kind { DIM, FLOOR, RUNTIME } kind;
    int dim = 0;             // DIM
    Index numerator;         // FLOOR
    int64_t divisor = 1;     // FLOOR
    const void* value = nullptr;  // RUNTIME: the emitter's own
    int64_t low = 0, high = 0;    // inclusive
    DimSet dims = 0;
  };

  // Extents of the dims, in order; more may be added.
  int AddDim(int64_t extent);
  int NumDims() const { return static_cast<int>(dim_atoms_.size()); }
  Index Dim(int dim) const;
  Index Runtime(const void* value, DimSet dims);
  bool HasRuntime(const Index& index) const;  // a value that is computed is part of it

  Index Add(const Index& a, const Index& b) const;
  Index Scale(const Index& a, int64_t factor) const;
  Index FloorDiv(const Index& a, int64_t divisor);
  Index Mod(const Index& a, int64_t divisor);
  // The row-major position of `at` in `shape`, and back.
  Index Linearize(std::span<const Index> at, std::span<const int64_t> shape) const;
  std::vector<Index> Delinearize(const Index& position, std::span<const int64_t> shape);

  const Atom& atom(int number) const { return atoms_[number]; }
  DimSet Dims(const Index& a) const;
  // The stride along a dim, or false where the dependence is not linear.
  bool Stride(const Index& a, int dim, int64_t* stride) const;
  // Exactly one dim, coefficient 1? Its number, or -1.
  int AsDim(const Index& a) const;
  std::pair<int64_t, int64_t> Range(const Index& a) const;

 private:
  std::vector<Atom> atoms_;
  std::vector<int> dim_atoms_;
};

}  // namespace plimsoll::codegen
