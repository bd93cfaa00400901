// What the tests of kernels share: tensors as doubles, their memory, and the check of one operation.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/test_kernel.h"

namespace plimsoll::codegen {

using Shape = std::vector<int64_t>;
inline int64_t Count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t extent : shape) count *= extent;
  return count;
}
inline std::string Tensor(const Shape& shape, const std::string& element) {
  std::string text = "tensor<";
  for (int64_t extent : shape) absl::StrAppend(&text, extent, "x");
  return text + element + ">";
}

// Elements of a tensor as doubles, and as memory of an element type.
inline std::string Pack(const std::vector<double>& values, const std::string& element) {
  std::string bytes;
  auto put = [&](auto v) { bytes.append(reinterpret_cast<const char*>(&v), sizeof v); };
  for (double v : values) {
    if (element == "f32") put(static_cast<float>(v));
    else if (element == "f64") put(v);
    else if (element == "f16") put(static_cast<_Float16>(v));
    else if (element == "bf16") {
      const float f = static_cast<float>(v);
      uint32_t bits;
      memcpy(&bits, &f, 4);
      put(static_cast<uint16_t>(f != f ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16));
    }
    else if (element == "i64") put(static_cast<int64_t>(v));
    else if (element == "i32") put(static_cast<int32_t>(v));
    else if (element == "i16") put(static_cast<int16_t>(v));
    else if (element == "i8") put(static_cast<int8_t>(v));
    else if (element == "ui64") put(static_cast<uint64_t>(v));
    else if (element == "ui32") put(static_cast<uint32_t>(v));
    else if (element == "ui16") put(static_cast<uint16_t>(v));
    else if (element == "ui8") put(static_cast<uint8_t>(v));
    else if (element == "i1") put(static_cast<uint8_t>(v != 0));
  }
  return bytes;
}
inline std::vector<double> Unpack(const std::string& bytes, const std::string& element) {
  std::vector<double> values;
  auto get = [&](auto v) {
    for (size_t at = 0; at + sizeof v <= bytes.size(); at += sizeof v) {
      memcpy(&v, bytes.data() + at, sizeof v);
      values.push_back(static_cast<double>(v));
    }
  };
  if (element == "f32") get(float{});
  else if (element == "f64") get(double{});
  else if (element == "f16") get(_Float16{});
  else if (element == "bf16") {
    for (size_t at = 0; at + 2 <= bytes.size(); at += 2) {
      uint16_t half;
      memcpy(&half, bytes.data() + at, 2);
      const uint32_t bits = uint32_t{half} << 16;
      float f;
      memcpy(&f, &bits, 4);
      values.push_back(f);
    }
  }
  else if (element == "i64") get(int64_t{});
  else if (element == "i32") get(int32_t{});
  else if (element == "i16") get(int16_t{});
  else if (element == "i8") get(int8_t{});
  else if (element == "ui64") get(uint64_t{});
  else if (element == "ui32") get(uint32_t{});
  else if (element == "ui16") get(uint16_t{});
  else get(uint8_t{});
  return values;
}
inline std::vector<double> Random(int64_t count, double low, double high, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(low + (high - low) * (engine() % 100003) / 100003.0);
  return values;
}
inline std::vector<double> RandomIntegers(int64_t count, int low, int high, unsigned seed = 1) {
  std::mt19937 engine(seed);
  std::vector<double> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(low + static_cast<int>(engine() % static_cast<unsigned>(high - low + 1)));
  return values;
}
// As memory of this element type holds them.
inline std::vector<double> As(const std::vector<double>& values, const std::string& element) { return Unpack(Pack(values, element), element); }

inline double Tolerance(const std::string& element) { return element == "bf16" ? 8e-3 : element == "f16" ? 1e-3 : element == "f64" ? 1e-12 : 3e-6; }

inline void ExpectNear(const std::vector<double>& got, const std::vector<double>& want, double rtol, double atol, const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  int shown = 0;
  for (size_t i = 0; i < got.size() && shown < 4; ++i) {
    if (std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i]) continue;
    if (std::abs(got[i] - want[i]) <= atol + rtol * std::abs(want[i])) continue;
    ++shown;
    ADD_FAILURE() << what << ": element " << i << " is " << got[i] << ", expected " << want[i];
  }
}

struct Operand {
  Shape shape;
  std::string element;
  std::vector<double> values;  // rounded to the element type when made
  Operand(Shape s, std::string e, std::vector<double> v) : shape(std::move(s)), element(std::move(e)), values(As(v, element)) {}
};

// `op`: an operation on %0, %1, ..., without its types at the end if it ends in ':' (then they are added).
inline std::string Function(const std::string& op, const std::vector<Operand>& operands, const Shape& shape, const std::string& element) {
  std::vector<std::string> arguments, types;
  for (size_t i = 0; i < operands.size(); ++i) {
    types.push_back(Tensor(operands[i].shape, operands[i].element));
    arguments.push_back(absl::StrCat("%a", i, ": ", types.back()));
  }
  std::string text = op;
  if (op.back() == ':') text += operands.size() == 1 && op.find("functional") == std::string::npos ? " " + types[0] + " -> " + Tensor(shape, element) : " (" + absl::StrJoin(types, ", ") + ") -> " + Tensor(shape, element);
  return absl::StrCat("func.func @f(", absl::StrJoin(arguments, ", "), ") {\n  %r = ", text, "\n  return\n}\n");
}

inline std::vector<double> Check(const std::string& text, const std::vector<Operand>& operands, const std::string& element, const std::string& cpu = "native") {
  TestKernel kernel(text, cpu);
  if (!kernel.object().empty()) EXPECT_THAT(UndefinedSymbols(kernel.object()), testing::IsEmpty()) << text;
  std::vector<std::string> inputs;
  for (const Operand& operand : operands) inputs.push_back(Pack(operand.values, operand.element));
  auto once = kernel.Run(inputs);
  auto parts = kernel.Run(inputs, 3);
  EXPECT_EQ(once, parts) << "splitting the tiles changes the result of\n" << text;
  return Unpack(once[0], element);
}

}  // namespace plimsoll::codegen
