#include "runtime/host/host_function.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/host/families.h"

namespace plimsoll::runtime {
namespace {

std::vector<absl::Span<const NamedHostFunction>> Families() {
  return {IndexingFunctions(), SelectionFunctions(),  DetectionFunctions(),  SamplingFunctions(),
          ResizeFunctions(),   PoolingFunctions(),    RandomFunctions(),     SequenceFunctions(),
          SignalFunctions(),   ConversionFunctions(), VectorizerFunctions(), TreeEnsembleFunctions()};
}

}  // namespace

int64_t HostTensor::count() const {
  int64_t count = 1;
  for (int64_t dim : dims) count *= dim;
  return count;
}

bool HostCallContext::has_attribute(const std::string& name) const { return call_.attributes().count(name) > 0; }

int64_t HostCallContext::Int(const std::string& name, int64_t otherwise) const {
  auto found = call_.attributes().find(name);
  return found != call_.attributes().end() && found->second.has_i() ? found->second.i() : otherwise;
}

double HostCallContext::Float(const std::string& name, double otherwise) const {
  auto found = call_.attributes().find(name);
  return found != call_.attributes().end() && found->second.has_f() ? found->second.f() : otherwise;
}

std::string HostCallContext::String(const std::string& name, const std::string& otherwise) const {
  auto found = call_.attributes().find(name);
  return found != call_.attributes().end() && found->second.has_s() ? found->second.s() : otherwise;
}

std::vector<int64_t> HostCallContext::Ints(const std::string& name, std::vector<int64_t> otherwise) const {
  auto found = call_.attributes().find(name);
  if (found == call_.attributes().end() || !found->second.has_ints()) return otherwise;
  return {found->second.ints().values().begin(), found->second.ints().values().end()};
}

std::vector<double> HostCallContext::Floats(const std::string& name, std::vector<double> otherwise) const {
  auto found = call_.attributes().find(name);
  if (found == call_.attributes().end() || !found->second.has_floats()) return otherwise;
  return {found->second.floats().values().begin(), found->second.floats().values().end()};
}

absl::Status HostCallContext::Expect(int inputs, int outputs) const {
  for (int i = 0; i < inputs; ++i) {
    if (!has_input(i)) return absl::InvalidArgumentError(absl::StrCat(call_.function(), " lacks its input ", i));
  }
  for (int i = 0; i < outputs; ++i) {
    if (!has_output(i)) return absl::InvalidArgumentError(absl::StrCat(call_.function(), " lacks its output ", i));
  }
  return absl::OkStatus();
}

absl::Status HostCallContext::SetDims(int output, absl::Span<const int64_t> dims) {
  HostTensor& tensor = outputs_[output];
  const plan::TensorType& type = call_.operand_types(input_count() + output);
  bool fits = dims.size() == tensor.dims.size();
  for (size_t i = 0; fits && i < dims.size(); ++i) {
    const bool open = type.slots_size() > static_cast<int>(i) && type.slots(static_cast<int>(i)) > 0;
    fits = dims[i] >= 0 && (open ? dims[i] <= type.dims(static_cast<int>(i)) : dims[i] == tensor.dims[i]);
  }
  if (!fits) {
    return absl::InvalidArgumentError(absl::StrCat("output ", output, " of ", call_.function(), " has the shape [",
                                                   absl::StrJoin(dims, ","), "], the plan has room for [",
                                                   absl::StrJoin(type.dims(), ","), "]"));
  }
  for (size_t i = 0; i < dims.size(); ++i) {
    tensor.dims[i] = dims[i];
    if (type.slots_size() > static_cast<int>(i) && type.slots(static_cast<int>(i)) > 0) {
      slots_[type.slots(static_cast<int>(i)) - 1] = dims[i];
    }
  }
  return absl::OkStatus();
}

HostFunction FindHostFunction(const std::string& name) {
  for (absl::Span<const NamedHostFunction> family : Families()) {
    for (const NamedHostFunction& function : family) {
      if (name == function.name) return function.run;
    }
  }
  return nullptr;
}

std::vector<std::string> HostFunctionNames() {
  std::vector<std::string> names;
  for (absl::Span<const NamedHostFunction> family : Families()) {
    for (const NamedHostFunction& function : family) names.push_back(function.name);
  }
  return names;
}

}  // namespace plimsoll::runtime
