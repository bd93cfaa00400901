// For the tests of library operations' kernels: operands of any element type, and a run on the emulator.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "compiler/codegen/cuda/cuda.h"
#include "compiler/codegen/cuda/emulator/emulator.h"
#include "ir/plan/library.pb.h"

namespace plimsoll::codegen {

using Dims = std::vector<int64_t>;

// One element, by the definition of its type. Integers of 64 bits are exact to 2^53.
double Decode(plan::DataType type, const char* element);
// To the nearest, ties to even; integers modulo 2^n.
void Encode(plan::DataType type, double value, char* element);
int TypeBytes(plan::DataType type);
// The largest relative error of rounding to the type.
double Epsilon(plan::DataType type);

// The elements of a tensor, by place in memory; those between strides are set too.
struct Operand {
  plan::DataType type = plan::F32;
  std::string bytes;
  double at(int64_t place) const { return Decode(type, bytes.data() + place * TypeBytes(type)); }
  void set(int64_t place, double value) { Encode(type, value, bytes.data() + place * TypeBytes(type)); }
  int64_t size() const { return static_cast<int64_t>(bytes.size()) / TypeBytes(type); }
};
// Random elements: floats of [-1, 1], integers of the type's range, or of [-100, 100] where that is wider than 8 bits.
Operand RandomOperand(const plan::MemoryDesc& desc, std::mt19937& random);
Operand RandomOperand(plan::DataType type, int64_t count, std::mt19937& random);

void SetDesc(plan::MemoryDesc* desc, plan::DataType type, const Dims& dims, const Dims& strides = {});
Dims StridesOf(const plan::MemoryDesc& desc);
int64_t Count(const Dims& dims);
Dims DimsOf(const plan::MemoryDesc& desc);
// Strides of a tensor whose dims lie in memory in the order of `order`, the slowest first; rows `padding` elements
// longer.
Dims StridesBy(const Dims& dims, const std::vector<int>& order, int64_t padding = 0);
// Of [N, C, spatial...], dense, the channels behind the spatial dims or where they are.
Dims ImageStrides(const Dims& dims, bool channels_last);
int64_t Place(const Dims& strides, const Dims& at);
// The next position, row-major; false behind the last.
bool Next(Dims& at, const Dims& dims);

// A library operation's kernel, compiled and loaded into the emulator.
class LibraryKernelRun {
 public:
  explicit LibraryKernelRun(const plan::LibraryOp& op, const std::string& arch = "sm_80");
  const absl::Status& status() const { return status_; }  // of AddLibrary and all behind it
  const CudaKernel& kernel() const { return kernel_; }
  const CudaCode& code() const { return code_; }
  // Runs on copies of the operands between guard pages. `written`: those that the kernel may write; others must stay as
  // they are. Two orders of the threads must give the same bytes.
  absl::Status Run(std::vector<Operand*> operands, const std::vector<size_t>& written);
  // As Run, with one barrier left out: an empty string if that was noticed or there is no such barrier (`there`).
  bool NoticesMissingBarrier(const std::vector<Operand*>& operands, const std::vector<size_t>& written, int barrier,
                             bool* there);

 private:
  absl::Status Launch(EmulatedCuda& device, const std::vector<Operand*>& operands, const std::vector<size_t>& written,
                      uint64_t seed, std::vector<std::string>* results) const;
  absl::Status status_;
  CudaKernel kernel_;
  CudaCode code_;
  std::unique_ptr<EmulatedCuda> device_;
};

inline constexpr double kTf32Epsilon = 1.0 / 2048;  // the largest relative error of rounding to it
// To 10 bits of mantissa behind the first, ties away from zero.
inline double RoundToTf32(double value) {
  int exponent;
  const double mantissa = std::frexp(value, &exponent);
  return std::ldexp(std::round(std::ldexp(mantissa, 11)), exponent - 11);
}

// The post-ops of an element by their definitions, in double precision. `operand`: of a BINARY, by number; `before`:
// what the destination held.
double ReferencePostOps(const google::protobuf::RepeatedPtrField<plan::PostOp>& list, double value, double before,
                        const std::function<double(int)>& operand);

}  // namespace plimsoll::codegen
