// What a session's inputs and outputs are bound to.
#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "ir/plan/types.h"
#include "runtime/session.h"

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

absl::Status Session::MakePorts() {
  for (auto [bindings, ports] :
       {std::pair(&signature().inputs(), &inputs_), std::pair(&signature().outputs(), &outputs_)}) {
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

absl::Status Session::CheckIdle(const char* what) const {
  if (running_.load() || pending_) {
    return absl::FailedPreconditionError(absl::StrCat(what, " while the session runs"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Device::Place> Session::Locate(const Port& port, const void* data, bool on_device) const {
  if (device_.is_host()) return Device::Place::kDevice;
  DeviceScope scope(device_, program_->plan().target());
  const Device::Place place = device_.PlaceOf(data);
  if ((place == Device::Place::kDevice) == on_device || ActualBytes(port) == 0) return place;
  return absl::InvalidArgumentError(absl::StrCat("'", port.binding->name(), "' is bound to memory of ",
                                                 on_device ? "the host" : "the device", " as if it were ",
                                                 on_device ? "the device's" : "the host's"));
}

absl::Status Session::BindInput(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims) {
  return Bind(index, data, bytes, dims, device_.is_host());
}

absl::Status Session::BindDeviceInput(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims) {
  return Bind(index, data, bytes, dims, true);
}

absl::Status Session::Bind(int index, const void* data, int64_t bytes, absl::Span<const int64_t> dims, bool on_device) {
  auto found = InputPort(index);
  if (!found.ok()) return found.status();
  Port& port = **found;
  const std::string& name = port.binding->name();
  if (absl::Status status = CheckIdle("an input is bound"); !status.ok()) return status;
  if (!dims.empty() || port.dims.empty()) {
    if (absl::Status status = SetInputDims(index, dims); !status.ok()) return status;
  }
  if (bytes != ActualBytes(port)) {
    return absl::InvalidArgumentError(absl::StrCat("input '", name, "' has ", bytes, " bytes, ",
                                                   plan::ToString(port.binding->type()), " takes ", ActualBytes(port)));
  }
  auto place = Locate(port, data, on_device);
  if (!place.ok()) return place.status();
  if (port.fixed != nullptr) {
    if (on_device && !device_.is_host()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the plan fixed the value of '", name, "': bind memory of the host"));
    }
    if (static_cast<int64_t>(port.fixed->data().size()) == bytes &&
        std::memcmp(port.fixed->data().data(), data, static_cast<size_t>(bytes)) == 0) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat("the plan was compiled for one value of '", name,
                                                   "', which decided shapes, and this is another: compile it again"));
  }
  const int buffer = port.binding->buffer();
  port.bound = static_cast<std::byte*>(const_cast<void*>(data));
  port.place = *place;
  port.copied = !on_device || !IsAligned(port, data) || executor_->is_written(buffer);
  executor_->Rebind(buffer, port.copied ? executor_->planned_address(buffer) : port.bound);
  return absl::OkStatus();
}

absl::Status Session::BindInput(const std::string& name, const void* data, int64_t bytes,
                                absl::Span<const int64_t> dims) {
  const int index = FindInput(name);
  return index < 0 ? NoSuch("input", name, signature().inputs()) : BindInput(index, data, bytes, dims);
}

absl::Status Session::BindOutput(int index, void* data, int64_t bytes) {
  return Bind(index, data, bytes, device_.is_host());
}

absl::Status Session::BindDeviceOutput(int index, void* data, int64_t bytes) { return Bind(index, data, bytes, true); }

absl::Status Session::Bind(int index, void* data, int64_t bytes, bool on_device) {
  if (index < 0 || index >= static_cast<int>(outputs_.size())) return BadIndex("output", index, outputs_.size());
  if (absl::Status status = CheckIdle("an output is bound"); !status.ok()) return status;
  Port& port = outputs_[index];
  const plan::TensorType& type = port.binding->type();
  if (bytes != port.bytes && !(HasOpenDims(type) && bytes > port.bytes)) {
    return absl::InvalidArgumentError(absl::StrCat("output '", port.binding->name(), "' is given ", bytes, " bytes, ",
                                                   plan::ToString(type), " takes ", port.bytes));
  }
  auto place = Locate(port, data, on_device);
  if (!place.ok()) return place.status();
  const int buffer = port.binding->buffer();
  // A buffer has one place: an output that is also an input, a weight or another output is copied there.
  bool shared = program_->plan().run().buffers(buffer).has_weight();
  for (const Port& input : inputs_) shared |= input.fixed == nullptr && input.binding->buffer() == buffer;
  for (const Port& output : outputs_) shared |= &output != &port && output.binding->buffer() == buffer;
  port.bound = static_cast<std::byte*>(data);
  port.place = *place;
  port.copied = !on_device || shared || !IsAligned(port, data);
  if (!shared) executor_->Rebind(buffer, port.copied ? executor_->planned_address(buffer) : port.bound);
  return absl::OkStatus();
}

absl::Status Session::BindOutput(const std::string& name, void* data, int64_t bytes) {
  const int index = FindOutput(name);
  return index < 0 ? NoSuch("output", name, signature().outputs()) : BindOutput(index, data, bytes);
}

absl::Status Session::MakeOwn(Port& port) const {
  if (port.own.data == nullptr && port.bytes > 0) {
    DeviceScope scope(device_, program_->plan().target());
    auto block = device_.AllocateHost(port.bytes);
    if (!block.ok()) return block.status();
    port.own = *std::move(block);
  }
  port.bound = port.own.data;
  port.place = Device::Place::kPinned;
  port.copied = true;
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<std::byte>> Session::input(int index) {
  auto found = InputPort(index);
  if (!found.ok()) return found.status();
  Port& port = **found;
  if (port.fixed != nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the plan fixed the value of '", port.binding->name(), "'"));
  }
  if (absl::Status status = CheckIdle("an input is asked for"); !status.ok()) return status;
  const int buffer = port.binding->buffer();
  executor_->Rebind(buffer, executor_->planned_address(buffer));
  if (!device_.is_host()) {
    if (absl::Status status = MakeOwn(port); !status.ok()) return status;
    return absl::Span<std::byte>(port.own.data, static_cast<size_t>(port.bytes));
  }
  port.bound = nullptr;
  port.copied = false;
  return absl::Span<std::byte>(executor_->planned_address(buffer), static_cast<size_t>(port.bytes));
}

absl::StatusOr<Session::View> Session::output(int index) const {
  if (index < 0 || index >= static_cast<int>(outputs_.size())) return BadIndex("output", index, outputs_.size());
  Port& port = outputs_[index];
  View view;
  view.dtype = port.binding->type().dtype();
  view.dims = port.dims;
  view.bytes = ActualBytes(port);
  view.on_device = port.bound != nullptr && port.place == Device::Place::kDevice && !device_.is_host();
  view.data = port.bound != nullptr ? port.bound : executor_->address(port.binding->buffer());
  if (port.bound != nullptr || device_.is_host()) return view;
  // Nobody has asked for it on the host before: from now on Run copies it.
  if (absl::Status status = CheckIdle("an output is asked for"); !status.ok()) return status;
  if (absl::Status status = MakeOwn(port); !status.ok()) return status;
  view.data = port.bound;
  if (!has_run_ || view.bytes == 0) return view;
  DeviceScope scope(device_, program_->plan().target());
  absl::Status status = device_.Copy(port.bound, executor_->address(port.binding->buffer()), view.bytes,
                                     Device::Direction::kOut, executor_->stream());
  if (status.ok()) status = device_.Synchronize(executor_->stream());
  if (!status.ok()) return status;
  return view;
}

}  // namespace plimsoll::runtime
