#include "runtime/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ir/plan/types.h"

namespace plimsoll::runtime {
namespace {

bool IsOpen(const plan::TensorType& type, int dim) { return dim < type.slots_size() && type.slots(dim) > 0; }

bool HasOpenDims(const plan::TensorType& type) {
  return std::any_of(type.slots().begin(), type.slots().end(), [](int slot) { return slot > 0; });
}

int Find(const google::protobuf::RepeatedPtrField<plan::Binding>& bindings, const std::string& name) {
  for (int i = 0; i < bindings.size(); ++i) {
    if (bindings[i].name() == name) return i;
  }
  return -1;
}

absl::Status NoSuch(const char* what, const std::string& name,
                    const google::protobuf::RepeatedPtrField<plan::Binding>& bindings) {
  return absl::InvalidArgumentError(absl::StrCat(
      "the plan has no ", what, " '", name, "'; it has: ",
      absl::StrJoin(bindings, ", ", [](std::string* out, const plan::Binding& b) { out->append(b.name()); })));
}

absl::Status BadIndex(const char* what, int index, size_t count) {
  return absl::InvalidArgumentError(absl::StrCat("no ", what, " ", index, ": the plan has ", count));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Session>> Session::Create(std::shared_ptr<const Program> program) {
  std::unique_ptr<Session> session(new Session(std::move(program)));
  const plan::Plan& plan = session->program_->plan();
  auto arenas = CreateArenas(plan, plan::Arena::SESSION);
  if (!arenas.ok()) return arenas.status();
  session->arenas_ = *std::move(arenas);
  Memory memory = session->program_->memory_;
  for (size_t i = 0; i < session->arenas_.size(); ++i) {
    session->arena_bytes_ += session->arenas_[i].size_bytes();
    if (session->arenas_[i].data() != nullptr) memory.arenas[i] = session->arenas_[i].data();
  }
  auto executor = Executor::Create(plan, plan.run(), memory);
  if (!executor.ok()) return executor.status();
  session->executor_ = *std::move(executor);
  if (absl::Status status = session->MakePorts(); !status.ok()) return status;
  return session;
}

absl::Status Session::MakePorts() {
  for (auto [bindings, ports] : {std::pair(&signature().inputs(), &inputs_), std::pair(&signature().outputs(), &outputs_)}) {
    for (const plan::Binding& binding : *bindings) {
      Port port;
      port.binding = &binding;
      auto bytes = plan::ByteSize(binding.type());
      if (!bytes.ok()) return bytes.status();
      port.bytes = *bytes;
      port.dims.assign(binding.type().dims().begin(), binding.type().dims().end());
      if (binding.fixed()) {
        for (const plan::FixedValue& value : program_->plan().fixed_values()) {
          if (value.input() == binding.name()) port.fixed = &value;
        }
        if (port.fixed == nullptr) {
          return absl::DataLossError(absl::StrCat("the plan fixes '", binding.name(), "' and does not hold its value"));
        }
      }
      ports->push_back(std::move(port));
    }
  }
  return absl::OkStatus();
}

int Session::FindInput(const std::string& name) const { return Find(signature().inputs(), name); }
int Session::FindOutput(const std::string& name) const { return Find(signature().outputs(), name); }

absl::StatusOr<Session::Port*> Session::InputPort(int index) {
  if (index < 0 || index >= static_cast<int>(inputs_.size())) return BadIndex("input", index, inputs_.size());
  return &inputs_[index];
}

absl::Status Session::CheckDims(const Port& port, absl::Span<const int64_t> dims) const {
  const plan::TensorType& type = port.binding->type();
  bool fits = static_cast<int>(dims.size()) == type.dims_size();
  for (int i = 0; fits && i < type.dims_size(); ++i) {
    fits = IsOpen(type, i) ? dims[i] >= 0 && dims[i] <= type.dims(i) : dims[i] == type.dims(i);
  }
  if (fits) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("input '", port.binding->name(), "' has the shape [",
                                                 absl::StrJoin(dims, ","), "], the plan takes ", plan::ToString(type)));
}

int64_t Session::ActualBytes(const Port& port) const {
  int64_t bytes = plan::ElementSize(port.binding->type().dtype());
  for (int64_t dim : port.dims) bytes *= dim;
  return bytes;
}

bool Session::IsAligned(const Port& port, const void* data) const {
  const int64_t alignment = std::max<int64_t>(1, program_->plan().run().buffers(port.binding->buffer()).alignment());
  return reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(alignment) == 0;
}

absl::Status Session::SetInputDims(int index, absl::Span<const int64_t> dims) {
  auto port = InputPort(index);
  if (!port.ok()) return port.status();
  if (absl::Status status = CheckDims(**port, dims); !status.ok()) return status;
  (*port)->dims.assign(dims.begin(), dims.end());
  return absl::OkStatus();
}

absl::Status Session::BindInput(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims) {
  auto found = InputPort(index);
  if (!found.ok()) return found.status();
  Port& port = **found;
  const std::string& name = port.binding->name();
  if (running_.load()) return absl::FailedPreconditionError("an input is bound while the session runs");
  if (!dims.empty() || port.dims.empty()) {
    if (absl::Status status = SetInputDims(index, dims); !status.ok()) return status;
  }
  if (bytes != ActualBytes(port)) {
    return absl::InvalidArgumentError(absl::StrCat("input '", name, "' has ", bytes, " bytes, ",
                                                   plan::ToString(port.binding->type()), " takes ", ActualBytes(port)));
  }
  if (port.fixed != nullptr) {
    if (static_cast<int64_t>(port.fixed->data().size()) == bytes &&
        std::memcmp(port.fixed->data().data(), data, static_cast<size_t>(bytes)) == 0) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("the plan was compiled for one value of '", name,
                                                   "', which decided shapes, and this is another: compile it again"));
  }
  const int buffer = port.binding->buffer();
  port.host = static_cast<std::byte*>(const_cast<void*>(data));
  port.copied = !IsAligned(port, data) || executor_->is_written(buffer);
  executor_->Rebind(buffer, port.copied ? executor_->planned_address(buffer) : port.host);
  return absl::OkStatus();
}

absl::Status Session::BindInput(const std::string& name, const void* data, int64_t bytes,
                                absl::Span<const int64_t> dims) {
  const int index = FindInput(name);
  return index < 0 ? NoSuch("input", name, signature().inputs()) : BindInput(index, data, bytes, dims);
}

absl::Status Session::BindOutput(int index, void* data, int64_t bytes) {
  if (index < 0 || index >= static_cast<int>(outputs_.size())) return BadIndex("output", index, outputs_.size());
  if (running_.load()) return absl::FailedPreconditionError("an output is bound while the session runs");
  Port& port = outputs_[index];
  const plan::TensorType& type = port.binding->type();
  if (bytes != port.bytes && !(HasOpenDims(type) && bytes > port.bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("output '", port.binding->name(), "' is given ", bytes, " bytes, ",
                                                   plan::ToString(type), " takes ", port.bytes));
  }
  const int buffer = port.binding->buffer();
  // A buffer has one place: an output that is also an input, a weight or another output is copied there.
  bool shared = program_->plan().run().buffers(buffer).has_weight();
  for (const Port& input : inputs_) shared |= input.fixed == nullptr && input.binding->buffer() == buffer;
  for (const Port& output : outputs_) shared |= &output != &port && output.binding->buffer() == buffer;
  port.host = static_cast<std::byte*>(data);
  port.copied = shared || !IsAligned(port, data);
  if (!shared) executor_->Rebind(buffer, port.copied ? executor_->planned_address(buffer) : port.host);
  return absl::OkStatus();
}

absl::Status Session::BindOutput(const std::string& name, void* data, int64_t bytes) {
  const int index = FindOutput(name);
  return index < 0 ? NoSuch("output", name, signature().outputs()) : BindOutput(index, data, bytes);
}

absl::StatusOr<absl::Span<std::byte>> Session::input(int index) {
  auto found = InputPort(index);
  if (!found.ok()) return found.status();
  Port& port = **found;
  if (port.fixed != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the plan fixed the value of '", port.binding->name(), "'"));
  }
  const int buffer = port.binding->buffer();
  port.host = nullptr;
  port.copied = false;
  executor_->Rebind(buffer, executor_->planned_address(buffer));
  return absl::Span<std::byte>(executor_->planned_address(buffer), static_cast<size_t>(port.bytes));
}

absl::StatusOr<Session::View> Session::output(int index) const {
  if (index < 0 || index >= static_cast<int>(outputs_.size())) return BadIndex("output", index, outputs_.size());
  const Port& port = outputs_[index];
  View view;
  view.dtype = port.binding->type().dtype();
  view.dims = port.dims;
  view.bytes = ActualBytes(port);
  view.data = port.host != nullptr ? port.host : executor_->address(port.binding->buffer());
  return view;
}

void Session::ResolveOutputDims() {
  for (Port& port : outputs_) {
    const plan::TensorType& type = port.binding->type();
    for (int i = 0; i < type.slots_size(); ++i) {
      if (IsOpen(type, i)) port.dims[i] = executor_->slot(type.slots(i) - 1);
    }
  }
}

absl::Status Session::Run() {
  static const std::function<void(int)> kNothing;
  return Run(kNothing);
}

absl::Status Session::Run(const std::function<void(int)>& after) {
  if (running_.exchange(true, std::memory_order_acquire)) {
    return absl::FailedPreconditionError("the session is running: one run at a time; create a second session");
  }
  for (const Port& port : inputs_) {
    if (port.fixed != nullptr) continue;
    const plan::TensorType& type = port.binding->type();
    for (int i = 0; i < type.slots_size(); ++i) {
      if (IsOpen(type, i)) executor_->slot(type.slots(i) - 1) = port.dims[i];
    }
    if (!port.copied) continue;
    std::memcpy(executor_->planned_address(port.binding->buffer()), port.host, static_cast<size_t>(ActualBytes(port)));
  }
  absl::Status status = executor_->Run(after);
  if (status.ok()) {
    ResolveOutputDims();
    for (const Port& port : outputs_) {
      const int64_t bytes = ActualBytes(port);
      if (!port.copied || bytes == 0) continue;
      std::memmove(port.host, executor_->address(port.binding->buffer()), static_cast<size_t>(bytes));
    }
  }
  running_.store(false, std::memory_order_release);
  return status;
}

}  // namespace plimsoll::runtime
