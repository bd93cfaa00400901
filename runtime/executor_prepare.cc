#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/executor.h"

namespace plimsoll::runtime {
namespace {

const char* KindName(const plan::Command& command) {
  switch (command.kind_case()) {
    case plan::Command::kLaunch: return "launch";
    case plan::Command::kLibraryCall: return "library call";
    case plan::Command::kCopy: return "copy";
    case plan::Command::kFill: return "fill";
    case plan::Command::kHostCall: return "host call";
    case plan::Command::kEventRecord: return "event record";
    case plan::Command::kEventWait: return "event wait";
    case plan::Command::kBranch: return "branch";
    case plan::Command::kLoop: return "loop";
    case plan::Command::kCollective: return "collective";
    default: return "nothing";
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(const plan::Plan& plan, const plan::Program& program,
                                                           const Memory& memory) {
  std::unique_ptr<Executor> executor(new Executor(plan, program));
  if (absl::Status status = executor->ResolveBuffers(memory); !status.ok()) return status;
  executor->steps_.resize(program.commands_size());
  for (int i = 0; i < program.commands_size(); ++i) {
    absl::Status status = executor->PrepareStep(i, memory);
    if (!status.ok()) return executor->Annotate(i, status);
  }
  for (const plan::ShapeSlot& slot : program.shape_slots()) executor->slots_.push_back(slot.upper_bound());
  return executor;
}

absl::Status Executor::ResolveBuffers(const Memory& memory) {
  for (const plan::Buffer& buffer : program_.buffers()) {
    std::byte* address = nullptr;
    if (buffer.has_weight()) {
      address = const_cast<std::byte*>(memory.weights[buffer.weight()]);
    } else if (memory.arenas[buffer.arena()] != nullptr) {
      address = memory.arenas[buffer.arena()] + buffer.offset();
    }
    planned_.push_back(address);
  }
  addresses_ = planned_;
  written_.resize(planned_.size());
  uses_.resize(planned_.size());
  return absl::OkStatus();
}

absl::Status Executor::PrepareStep(int index, const Memory& memory) {
  const plan::Command& command = program_.commands(index);
  Step& step = steps_[index];
  step.command = &command;
  step.first_operand = static_cast<int>(pointers_.size());
  for (const plan::Operand& operand : command.operands()) {
    uses_[operand.buffer()].push_back({static_cast<int>(pointers_.size()), operand.offset()});
    std::byte* address = addresses_[operand.buffer()];
    pointers_.push_back(address == nullptr ? nullptr : address + operand.offset());
    if (operand.access() != plan::Operand::READ) written_[operand.buffer()] = true;
  }
  switch (command.kind_case()) {
    case plan::Command::kLaunch: {
      const cpu::KernelLibrary* code = memory.code[command.launch().code()];
      if (code == nullptr) return absl::UnimplementedError("the CPU device launches kernels of shared objects only");
      auto kernel = code->Find(command.launch().symbol());
      if (!kernel.ok()) return kernel.status();
      step.kernel = *kernel;
      return absl::OkStatus();
    }
    case plan::Command::kLibraryCall: {
      auto library = PrepareLibrary(command.library_call().op());
      if (!library.ok()) return library.status();
      if ((*library)->operand_count() != command.operands_size()) {
        return absl::DataLossError(absl::StrCat("the library takes ", (*library)->operand_count(),
                                                " operands, the command has ", command.operands_size()));
      }
      step.library = *library;
      return absl::OkStatus();
    }
    case plan::Command::kHostCall: {
      const plan::HostCall& call = command.host_call();
      step.host = FindHostFunction(call.function());
      if (step.host == nullptr) {
        return absl::UnimplementedError(absl::StrCat("this runtime has no host function '", call.function(), "'"));
      }
      if (call.operand_types_size() != command.operands_size() || call.inputs() < 0 ||
          call.inputs() > command.operands_size()) {
        return absl::DataLossError("a host call's operands and operand_types differ in number");
      }
      step.host_tensors = static_cast<int>(host_tensors_.size());
      for (int i = 0; i < command.operands_size(); ++i) {
        const plan::TensorType& type = call.operand_types(i);
        HostTensor tensor;
        tensor.dtype = type.dtype();
        tensor.dims.assign(type.dims().begin(), type.dims().end());
        tensor.bytes = command.operands(i).length();
        // Length 0 is a left-out operand, or a tensor of no elements.
        if (tensor.bytes == 0 && tensor.count() != 0) tensor.dtype = plan::DATA_TYPE_UNDEFINED;
        host_tensors_.push_back(std::move(tensor));
      }
      return absl::OkStatus();
    }
    case plan::Command::kCollective:
      return absl::UnimplementedError("this runtime has one rank: no collectives");
    case plan::Command::kCopy:
    case plan::Command::kFill:
    case plan::Command::kEventRecord:
    case plan::Command::kEventWait:
    case plan::Command::kBranch:
    case plan::Command::kLoop: return absl::OkStatus();
    default: return absl::DataLossError("a command of no kind");
  }
}

absl::StatusOr<PreparedOp*> Executor::PrepareLibrary(const plan::LibraryOp& op) {
  std::string key = op.SerializeAsString();
  for (auto& [known, prepared] : libraries_) {
    if (known == key) return prepared.get();
  }
  auto prepared = Prepare(op, plan_.target());
  if (!prepared.ok()) return prepared.status();
  libraries_.emplace_back(std::move(key), *std::move(prepared));
  return libraries_.back().second.get();
}

void Executor::Rebind(int buffer, std::byte* address) {
  addresses_[buffer] = address;
  for (const OperandPlace& use : uses_[buffer]) {
    pointers_[use.pointer] = address == nullptr ? nullptr : address + use.offset;
  }
}

absl::Status Executor::Annotate(int index, const absl::Status& status) const {
  const plan::Command& command = program_.commands(index);
  return absl::Status(status.code(),
                      absl::StrCat(&program_ == &plan_.load() ? "load" : "run", " command ", index, " (",
                                   KindName(command), ", node '", command.node(), "'): ", std::string(status.message())));
}

}  // namespace plimsoll::runtime
