#include "runtime/program.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ir/plan/validator.h"

namespace plimsoll::runtime {

absl::StatusOr<std::vector<cpu::Arena>> CreateArenas(const plan::Plan& plan, plan::Arena::Scope scope) {
  std::vector<cpu::Arena> arenas(plan.arenas_size());
  for (int i = 0; i < plan.arenas_size(); ++i) {
    if (plan.arenas(i).scope() != scope) continue;
    auto arena = cpu::Arena::Create(plan.arenas(i).size_bytes(), std::max<int64_t>(1, plan.arenas(i).alignment()));
    if (!arena.ok()) return arena.status();
    arenas[i] = *std::move(arena);
  }
  return arenas;
}

absl::StatusOr<std::shared_ptr<const Program>> Program::Load(const std::string& path, const LoadOptions& options) {
  plan::ReadOptions read;
  read.defer_weights = !options.verify_weights;
  auto artefact = plan::ReadArtefact(path, read);
  if (!artefact.ok()) return artefact.status();
  return Load(*std::move(artefact), options);
}

absl::StatusOr<std::shared_ptr<const Program>> Program::Load(plan::Artefact artefact, const LoadOptions& options) {
  std::shared_ptr<Program> program(new Program(std::move(artefact)));
  const plan::Plan& plan = program->plan();
  if (absl::Status status = plan::Validate(plan, program->artefact_.member_info()); !status.ok()) return status;
  if (absl::Status status = program->CheckTarget(); !status.ok()) return status;
  if (absl::Status status = program->CheckMemory(options); !status.ok()) return status;
  if (absl::Status status = program->LocateWeights(options); !status.ok()) return status;
  if (absl::Status status = program->OpenCode(); !status.ok()) return status;
  if (absl::Status status = program->RunLoadProgram(); !status.ok()) return status;
  return std::shared_ptr<const Program>(std::move(program));
}

absl::Status Program::CheckTarget() const {
  if (plan().target().kind() != plan::Target::CPU) {
    return absl::UnimplementedError(absl::StrCat("the plan is for ", plan::Target::Kind_Name(plan().target().kind()),
                                                 ", this runtime executes on the CPU"));
  }
  return cpu::CheckCpu(plan().target());
}

absl::Status Program::CheckMemory(const LoadOptions& options) const {
  if (options.memory_limit_bytes == 0) return absl::OkStatus();
  const int64_t limit = options.memory_limit_bytes > 0 ? options.memory_limit_bytes : cpu::AvailableMemoryBytes();
  const int64_t peak = plan().certificate().peak_bytes();
  if (limit < 0 || peak <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("the plan takes ", peak, " bytes, ",
                                                   options.memory_limit_bytes > 0 ? "the limit is " : "at hand are ",
                                                   limit, "; compile it with a budget"));
}

absl::Status Program::OpenCode() {
  for (const plan::Code& code : plan().code()) {
    const std::string& name = code.member();
    if (name.size() < 3 || name.compare(name.size() - 3, 3, ".so") != 0) {
      code_.push_back(nullptr);
      memory_.code.push_back(nullptr);
      continue;
    }
    const plan::Member* member = artefact_.FindMember(name);
    if (member == nullptr) return absl::DataLossError(absl::StrCat("the artefact has no member ", name));
    auto library = cpu::KernelLibrary::Open(member->data, name);
    if (!library.ok()) return library.status();
    for (const std::string& symbol : code.symbols()) {
      if (auto kernel = (*library)->Find(symbol); !kernel.ok()) return kernel.status();
    }
    code_.push_back(*std::move(library));
    memory_.code.push_back(code_.back().get());
  }
  return absl::OkStatus();
}

absl::Status Program::LocateWeights(const LoadOptions& options) {
  auto store = plan::OpenWeights(artefact_, options.weights_directory);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  if (options.verify_weights) {
    if (absl::Status status = plan::CheckWeights(plan(), *store_); !status.ok()) return status;
    for (int i = 0; i < plan().weights_size(); ++i) store_->DontNeed(i);  // read again, one by one, where used
  }
  const int count = plan().weights_size();
  std::vector<int64_t> alignment(count, 0);  // 0: no buffer refers to it
  std::vector<bool> read_by_run(count, false);
  for (const plan::Program* program : {&plan().load(), &plan().run()}) {
    for (const plan::Buffer& buffer : program->buffers()) {
      if (!buffer.has_weight()) continue;
      alignment[buffer.weight()] = std::max({alignment[buffer.weight()], buffer.alignment(), int64_t{1}});
      if (program == &plan().run()) read_by_run[buffer.weight()] = true;
    }
  }
  memory_.weights.assign(count, nullptr);
  for (int i = 0; i < count; ++i) {
    if (alignment[i] == 0) continue;
    auto bytes = store_->bytes(i);
    if (!bytes.ok()) return bytes.status();
    memory_.weights[i] = bytes->data();
    if (read_by_run[i]) mapped_weight_bytes_ += static_cast<int64_t>(bytes->size());
    if (bytes->empty() || reinterpret_cast<uintptr_t>(bytes->data()) % alignment[i] == 0) continue;
    auto copy = cpu::Arena::Create(static_cast<int64_t>(bytes->size()), alignment[i]);
    if (!copy.ok()) return copy.status();
    std::memcpy(copy->data(), bytes->data(), bytes->size());
    store_->DontNeed(i);
    memory_.weights[i] = copy->data();
    realigned_.push_back(*std::move(copy));
  }
  return absl::OkStatus();
}

absl::Status Program::RunLoadProgram() {
  auto parameters = CreateArenas(plan(), plan::Arena::PARAMETERS);
  if (!parameters.ok()) return parameters.status();
  parameters_ = *std::move(parameters);
  memory_.arenas.assign(plan().arenas_size(), nullptr);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    memory_.arenas[i] = parameters_[i].data();
    parameters_bytes_ += parameters_[i].size_bytes();
  }
  std::vector<bool> keep(plan().weights_size(), false);
  for (const plan::Buffer& buffer : plan().run().buffers()) {
    if (buffer.has_weight()) keep[buffer.weight()] = true;
  }
  {
    auto scratch = CreateArenas(plan(), plan::Arena::LOAD);
    if (!scratch.ok()) return scratch.status();
    Memory memory = memory_;
    for (size_t i = 0; i < scratch->size(); ++i) {
      if ((*scratch)[i].data() != nullptr) memory.arenas[i] = (*scratch)[i].data();
    }
    auto executor = Executor::Create(plan(), plan().load(), memory);
    if (!executor.ok()) return executor.status();
    // As the plan's certificate counts: a weight that only `load` reads is in memory no longer than its buffers live.
    std::vector<int> last_use(plan().weights_size(), -1);
    for (const plan::Buffer& buffer : plan().load().buffers()) {
      if (!buffer.has_weight() || keep[buffer.weight()]) continue;
      last_use[buffer.weight()] = std::max(last_use[buffer.weight()], buffer.last() - 1);
    }
    int given_back = 0;
    absl::Status status = (*executor)->Run([&](int command) {
      for (int i = 0; i < plan().weights_size(); ++i) {
        if (last_use[i] < given_back || last_use[i] > command) continue;
        store_->DontNeed(i);
      }
      given_back = command + 1;
    });
    if (!status.ok()) return status;
  }
  for (int i = 0; i < plan().weights_size(); ++i) {
    if (!keep[i]) store_->DontNeed(i);
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::runtime
