// ONNX's element types, and how plans keep their elements. Types that plans lack are kept in a wider one that holds
// each of their values: 4-bit and 2-bit integers in 8 bits, 4-bit floats (E2M1) in f8e4m3fn, powers of two (E8M0) in
// bf16. Source: ONNX 1.22, TensorProto.DataType and docs/docsgen/source/technical/{int4,int2,float4,float8}.md.
#pragma once

#include <cstdint>
#include <string>

#include "ir/plan/types.pb.h"

namespace plimsoll::plan {

struct OnnxElement {
  int number = 0;  // TensorProto.DataType
  DataType kept = DATA_TYPE_UNDEFINED;
  int kept_bytes = 0;   // of an element as it is kept
  int stored_bits = 0;  // of an element in raw_data, where `kept` is wider than the type; else 0
  bool narrow() const { return stored_bits > 0; }
};

// Null for strings, complex numbers, and numbers that ONNX does not know.
const OnnxElement* FindOnnxElement(int number);
// The number of the type that has just these elements; 0 for DATA_TYPE_UNDEFINED.
int OnnxNumber(DataType dtype);

// Bytes that `count` elements take in raw_data.
int64_t StoredBytes(const OnnxElement& element, int64_t count);
// `stored` (of StoredBytes bytes) as kept, and back. What does not fit the narrow type is cut off (integers) or becomes
// 0 (floats).
std::string FromStored(const OnnxElement& element, std::string stored, int64_t count);
std::string ToStored(const OnnxElement& element, const std::string& kept);

}  // namespace plimsoll::plan
