// [P6] The signature and the fixed values.
#include <algorithm>
#include <map>
#include <set>

#include "ir/plan/onnx_elements.h"
#include "ir/plan/types.h"
#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

bool SameType(const TensorType& a, const TensorType& b) {
  return a.dtype() == b.dtype() && std::equal(a.dims().begin(), a.dims().end(), b.dims().begin(), b.dims().end());
}

void CheckBinding(const ProgramView& run, const std::string& where, const Binding& binding, bool is_input,
                  Report& report) {
  const int64_t bytes = CheckType(where, binding.type(), run.program, report);
  if (const int number = binding.onnx_element(); number != 0) {
    const OnnxElement* element = FindOnnxElement(number);
    if (element == nullptr || !element->narrow() || element->kept != binding.type().dtype()) {
      report.Add(6, where, ": ONNX's element type ", number, " is not kept as ", Name(binding.type().dtype()));
    }
  }
  if (bytes < 0 || binding.fixed()) return;
  if (binding.buffer() < 0 || binding.buffer() >= run.program.buffers_size()) {
    report.Add(6, where, ": buffer ", binding.buffer(), " of ", run.program.buffers_size());
    return;
  }
  const Buffer& buffer = run.program.buffers(binding.buffer());
  if (buffer.size_bytes() != bytes) {
    report.Add(6, where, ": ", ToString(binding.type()), " takes ", bytes, " bytes, its ", run.Buffer(binding.buffer()),
               " has ", buffer.size_bytes());
  }
  const bool alive = is_input ? run.First(buffer) == 0 && run.Last(buffer) > 0
                              : run.Last(buffer) == std::max(1, run.count) && run.First(buffer) < run.Last(buffer);
  if (!alive) {
    report.Add(6, where, ": its ", run.Buffer(binding.buffer()), " is alive in [", buffer.first(), ", ", buffer.last(),
               "), not ", is_input ? "from command 0" : "to the end");
  }
  if (run.OnHost(buffer)) report.Add(6, where, ": its buffer is in an arena of the host");
  if (is_input && buffer.has_weight()) report.Add(6, where, ": its buffer is a weight");
}

}  // namespace

void CheckSignature(const ProgramView& run, Report& report) {
  const Signature& signature = run.plan.signature();
  std::map<std::string, const Binding*> fixed;
  std::set<std::string> names;
  for (const Binding& input : signature.inputs()) {
    if (report.full()) return;
    const std::string where = absl::StrCat("input ", Quote(input.name()));
    if (!names.insert(input.name()).second) report.Add(6, where, ": the name is there twice");
    CheckBinding(run, where, input, true, report);
    if (input.fixed()) fixed[input.name()] = &input;
  }
  names.clear();
  for (const Binding& output : signature.outputs()) {
    if (report.full()) return;
    const std::string where = absl::StrCat("output ", Quote(output.name()));
    if (!names.insert(output.name()).second) report.Add(6, where, ": the name is there twice");
    if (output.fixed()) report.Add(6, where, ": an output cannot be fixed");
    CheckBinding(run, where, output, false, report);
  }
  for (const FixedValue& value : run.plan.fixed_values()) {
    if (report.full()) return;
    const std::string where = absl::StrCat("fixed value ", Quote(value.input()));
    const auto input = fixed.find(value.input());
    if (input == fixed.end()) {
      report.Add(6, where, ": no input of that name is marked as fixed, or it has a value already");
      continue;
    }
    const int64_t bytes = CheckType(where, value.type(), run.program, report);
    if (bytes >= 0 && !SameType(value.type(), input->second->type())) {
      report.Add(6, where, ": ", ToString(value.type()), " where the input is ", ToString(input->second->type()));
    } else if (bytes >= 0 && static_cast<int64_t>(value.data().size()) != bytes) {
      report.Add(6, where, ": ", value.data().size(), " bytes of data, ", bytes, " expected");
    }
    fixed.erase(input);
  }
  for (const auto& [name, input] : fixed) report.Add(6, "input ", Quote(name), ": fixed, but without a fixed value");
}

}  // namespace plimsoll::plan::validator
