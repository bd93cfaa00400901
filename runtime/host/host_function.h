// Irregular operations, computed on the host by functions that the plan names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::runtime {

struct HostTensor {
  plan::DataType dtype = plan::DATA_TYPE_UNDEFINED;
  std::vector<int64_t> dims;  // actual sizes; of outputs, upper bounds where a size is known only at run time
  std::byte* data = nullptr;
  int64_t bytes = 0;  // room that `data` has

  // False for an optional operand that was left out.
  bool present() const { return dtype != plan::DATA_TYPE_UNDEFINED; }
  int rank() const { return static_cast<int>(dims.size()); }
  int64_t count() const;
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data);
  }
};

// One host call: its operands and attributes. Functions read inputs, write outputs, and state the outputs' sizes where
// those are known only now.
class HostCallContext {
 public:
  HostCallContext(const plan::HostCall& call, absl::Span<HostTensor> inputs, absl::Span<HostTensor> outputs,
                  absl::Span<int64_t> slots)
      : call_(call), inputs_(inputs), outputs_(outputs), slots_(slots) {}

  int input_count() const { return static_cast<int>(inputs_.size()); }
  int output_count() const { return static_cast<int>(outputs_.size()); }
  bool has_input(int i) const { return i < input_count() && inputs_[i].present(); }
  bool has_output(int i) const { return i < output_count() && outputs_[i].present(); }
  const HostTensor& input(int i) const { return inputs_[i]; }
  const HostTensor& output(int i) const { return outputs_[i]; }

  // Attributes by name, or the default where the call has none of that name and kind.
  bool has_attribute(const std::string& name) const;
  int64_t Int(const std::string& name, int64_t otherwise) const;
  double Float(const std::string& name, double otherwise) const;
  std::string String(const std::string& name, const std::string& otherwise) const;
  std::vector<int64_t> Ints(const std::string& name, std::vector<int64_t> otherwise) const;

  std::vector<double> Floats(const std::string& name, std::vector<double> otherwise) const;

  // kInvalidArgument unless there are at least so many operands, all present.
  absl::Status Expect(int inputs, int outputs) const;

  // States the actual sizes of an output, before its data are written. kInvalidArgument where they exceed the bounds
  // or contradict a size that the plan fixed.
  absl::Status SetDims(int output, absl::Span<const int64_t> dims);

 private:
  const plan::HostCall& call_;
  absl::Span<HostTensor> inputs_;
  absl::Span<HostTensor> outputs_;
  absl::Span<int64_t> slots_;
};

using HostFunction = absl::Status (*)(HostCallContext& context);

struct NamedHostFunction {
  const char* name;
  HostFunction run;
};

// Null where there is none of that name.
HostFunction FindHostFunction(const std::string& name);
// All of them, by family; for the compiler, which must not name others.
std::vector<std::string> HostFunctionNames();

}  // namespace plimsoll::runtime
