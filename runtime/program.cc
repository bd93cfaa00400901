#include "runtime/program.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "ir/plan/collective.h"
#include "ir/plan/validator.h"
#include "runtime/arenas.h"
#include "runtime/collective/await.h"

namespace plimsoll::runtime {
namespace {

// One block holds the parameters and behind them, first load's scratch, then the first session's arenas.
struct OneBlock {
  explicit OneBlock(const plan::Plan& plan)
      : parameters(LayOut(plan, plan::Arena::PARAMETERS)),
        load(LayOut(plan, plan::Arena::LOAD, parameters.end)),
        session(LayOut(plan, plan::Arena::SESSION, parameters.end)),
        bytes(std::max(load.end, session.end)),
        alignment(std::max({parameters.alignment, load.alignment, session.alignment})) {}

  ArenaLayout parameters, load, session;
  int64_t bytes, alignment;
};

}  // namespace

int64_t Program::RequiredBytes(const plan::Plan& plan) { return OneBlock(plan).bytes; }
int64_t Program::RequiredAlignment(const plan::Plan& plan) { return OneBlock(plan).alignment; }

absl::StatusOr<std::shared_ptr<const Program>> Program::Load(const std::string& path, const LoadOptions& options) {
  plan::ReadOptions read;
  read.defer_weights = !options.verify_weights;
  auto artefact = plan::ReadArtefact(path, read);
  if (!artefact.ok()) {
    if (options.communicator != nullptr) options.communicator->Abort(artefact.status());
    return artefact.status();
  }
  return Load(*std::move(artefact), options);
}

absl::StatusOr<std::shared_ptr<const Program>> Program::Load(plan::Artefact artefact, const LoadOptions& options) {
  auto program = LoadForRank(std::move(artefact), options);
  // Other ranks may be waiting for this one.
  if (!program.ok() && options.communicator != nullptr) options.communicator->Abort(program.status());
  return program;
}

absl::StatusOr<std::shared_ptr<const Program>> Program::LoadForRank(plan::Artefact artefact,
                                                                    const LoadOptions& options) {
  std::shared_ptr<Program> program(new Program(std::move(artefact)));
  const plan::Plan& plan = program->plan();
  if (absl::Status status = plan::Validate(plan, program->artefact_.member_info()); !status.ok()) return status;
  program->device_ = options.device;
  if (program->device_ == nullptr) {
    auto device = OpenDevice(plan.target());
    if (!device.ok()) return device.status();
    program->device_ = *std::move(device);
  }
  if (absl::Status status = program->device_->CheckTarget(plan.target()); !status.ok()) return status;
  if (absl::Status status = program->CheckRanks(options); !status.ok()) return status;
  program->executor_options_.graphs = options.graphs;
  program->executor_options_.check_every_command = options.check_every_command;
  program->executor_options_.tune = options.tune;
  if (absl::Status status = program->LoadOnDevice(options); !status.ok()) return status;
  return std::shared_ptr<const Program>(std::move(program));
}

absl::Status Program::LoadOnDevice(const LoadOptions& options) {
  DeviceScope scope(*device_, plan().target());
  before_ = device_->MemoryUsage();
  if (absl::Status status = CheckMemory(options); !status.ok()) return status;
  if (absl::Status status = AllocateMemory(options); !status.ok()) return status;  // before gigabytes are read
  if (absl::Status status = LocateWeights(options); !status.ok()) return status;
  if (absl::Status status = OpenCode(); !status.ok()) return status;
  if (absl::Status status = MakeGroups(options); !status.ok()) return status;
  if (absl::Status status = MeasureReserve(); !status.ok()) return status;
  if (absl::Status status = RunLoadProgram(); !status.ok()) return status;
  return MeasureReserve();
}

absl::Status Program::CheckRanks(const LoadOptions& options) const {
  const int ranks = plan::RankCount(plan());
  const collective::Communicator* communicator = options.communicator.get();
  if (communicator == nullptr && ranks == 1) return absl::OkStatus();
  if (communicator == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the plan is for ", ranks, " ranks: each loads it with its end of a communicator (LoadOptions::communicator)"));
  }
  if (communicator->size() != ranks) {
    return absl::FailedPreconditionError(
        absl::StrCat("the plan is for ", ranks, " ranks, the communicator joins ", communicator->size()));
  }
  if (communicator->is_host() == device_->is_host()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the plan runs on ", device_->name(), ", the communicator joins ",
                   communicator->is_host() ? "threads of the CPU" : "GPUs"));
}

absl::Status Program::MakeGroups(const LoadOptions& options) {
  if (plan().groups_size() == 0 && options.communicator == nullptr) return absl::OkStatus();
  if (options.communicator != nullptr) {
    if (absl::Status status = CompareWithOtherRanks(*options.communicator); !status.ok()) return status;
  }
  auto groups = collective::Groups::Create(plan(), options.communicator);
  if (!groups.ok()) return groups.status();
  groups_ = *std::move(groups);
  memory_.groups = groups_.get();
  return absl::OkStatus();
}

absl::Status Program::CheckMemory(const LoadOptions& options) const {
  if (options.memory_limit_bytes == 0) return absl::OkStatus();
  const bool given = options.memory_limit_bytes > 0;
  // A device of its own memory: some of what the plan reserves is taken by now. The driver's word decides.
  if (!given && !device_->is_host()) return absl::OkStatus();
  const int64_t limit = given ? options.memory_limit_bytes : before_.free_bytes;
  int64_t peak = plan().certificate().peak_bytes();
  if (!given) peak += plan().certificate().host_bytes();  // of the same memory
  if (limit < 0 || peak <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("the plan takes ", peak, " bytes, ",
                                                   given ? "the limit is " : "at hand are ", limit,
                                                   "; compile it with a budget"));
}

absl::Status Program::OpenCode() {
  for (const plan::Code& code : plan().code()) {
    const plan::Member* text = artefact_.FindMember(code.member());
    if (text == nullptr) return absl::DataLossError(absl::StrCat("the artefact has no member ", code.member()));
    const plan::Member* binary = code.binary().empty() ? nullptr : artefact_.FindMember(code.binary());
    auto opened =
        device_->OpenCode(code, plan().target(), text->data, binary == nullptr ? plan::Bytes() : binary->data);
    if (!opened.ok()) return opened.status();
    code_.push_back(*std::move(opened));
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
    if (!device_->is_host()) continue;  // copied from where they lie, which may be anywhere
    if (read_by_run[i]) mapped_weight_bytes_ += static_cast<int64_t>(bytes->size());
    if (bytes->empty() || reinterpret_cast<uintptr_t>(bytes->data()) % alignment[i] == 0) continue;
    auto copy = device_->Allocate(static_cast<int64_t>(bytes->size()), alignment[i]);
    if (!copy.ok()) return copy.status();
    std::memcpy(copy->data, bytes->data(), bytes->size());
    store_->DontNeed(i);
    memory_.weights[i] = copy->data;
    realigned_.push_back(*std::move(copy));
  }
  return absl::OkStatus();
}

absl::Status Program::AllocateMemory(const LoadOptions& options) {
  const OneBlock layout(plan());
  parameters_bytes_ = layout.parameters.arena_bytes;
  memory_.arenas.assign(plan().arenas_size(), nullptr);
  if (options.memory != nullptr) {
    if (device_->is_host()) return absl::InvalidArgumentError("the CPU takes no memory of the caller for its arenas");
    if (options.memory_bytes < layout.bytes || reinterpret_cast<uintptr_t>(options.memory) % layout.alignment != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the plan takes ", layout.bytes, " bytes at a multiple of ", layout.alignment, ", it is given ",
                       options.memory_bytes, " bytes at ", absl::Hex(reinterpret_cast<uintptr_t>(options.memory))));
    }
    base_ = static_cast<std::byte*>(options.memory);
    callers_bytes_ = options.memory_bytes;
  } else {
    // The host's memory is given back piece by piece: load's scratch and each session's arenas are blocks of their own.
    const int64_t bytes = device_->is_host() ? layout.parameters.end : layout.bytes;
    if (!device_->is_host() && options.memory_limit_bytes != 0 && before_.free_bytes >= 0 &&
        bytes > before_.free_bytes) {
      return absl::ResourceExhaustedError(absl::StrCat("the plan takes ", bytes, " bytes of ", device_->name(),
                                                       ", which has ", before_.free_bytes,
                                                       " free; compile it with a budget"));
    }
    auto block = device_->Allocate(bytes, device_->is_host() ? layout.parameters.alignment : layout.alignment);
    if (!block.ok()) return block.status();
    block_ = *std::move(block);
    base_ = block_.data;
  }
  layout.parameters.Resolve(base_, memory_.arenas);
  auto host = AllocateHostArenas(*device_, plan(), plan::Arena::PARAMETERS, memory_.arenas);
  if (!host.ok()) return host.status();
  host_block_ = *std::move(host);
  return absl::OkStatus();
}

absl::Status Program::RunLoadProgram() {
  std::vector<bool> keep(plan().weights_size(), false);
  for (const plan::Buffer& buffer : plan().run().buffers()) {
    if (buffer.has_weight()) keep[buffer.weight()] = true;
  }
  {
    Block scratch;
    Memory memory = memory_;
    if (device_->is_host()) {
      const ArenaLayout layout = LayOut(plan(), plan::Arena::LOAD);
      auto block = device_->Allocate(layout.end, layout.alignment);
      if (!block.ok()) return block.status();
      scratch = *std::move(block);
      layout.Resolve(scratch.data, memory.arenas);
    } else {
      OneBlock(plan()).load.Resolve(base_, memory.arenas);
    }
    auto host_scratch = AllocateHostArenas(*device_, plan(), plan::Arena::LOAD, memory.arenas);
    if (!host_scratch.ok()) return host_scratch.status();
    ExecutorOptions options = executor_options_;
    options.graphs = options.tune = false;  // it runs once
    auto executor = Executor::Create(*device_, plan(), plan().load(), memory, options);
    if (!executor.ok()) return executor.status();
    load_fallbacks_ = (*executor)->fallbacks();
    // As the plan's certificate counts: a weight that only `load` reads is in memory no longer than its buffers live.
    std::vector<int> last_use(plan().weights_size(), -1);
    for (const plan::Buffer& buffer : plan().load().buffers()) {
      if (!buffer.has_weight() || keep[buffer.weight()]) continue;
      last_use[buffer.weight()] = std::max(last_use[buffer.weight()], buffer.last() - 1);
    }
    int given_back = 0;
    const std::function<void(int)> give_back = [&](int command) {
      for (int i = 0; i < plan().weights_size(); ++i) {
        if (last_use[i] < given_back || last_use[i] > command) continue;
        store_->DontNeed(i);
      }
      given_back = command + 1;
    };
    absl::Status status = (*executor)->Issue((*executor)->stream(), nullptr, &give_back, /*ended=*/false);
    if (status.ok()) status = (*executor)->Finish();
    if (!status.ok()) {
      (*executor)->GiveUp(status);
      return status;
    }
  }
  for (int i = 0; i < plan().weights_size(); ++i) {
    if (!keep[i]) store_->DontNeed(i);
  }
  return absl::OkStatus();
}

bool Program::TakeRanks() const { return !ranks_taken_.exchange(true); }

void Program::EndRanks(const absl::Status& reason) const {
  if (groups_ != nullptr && groups_->world() != nullptr) groups_->world()->Abort(reason);
}

absl::Status Program::CompareWithOtherRanks(collective::Communicator& world) const {
  uint64_t mine = 0;
  for (const auto& [name, member] : artefact_.members()) {
    if (name == plan::kWeightsMember) continue;
    mine = mine * 0x9E3779B97F4A7C15u + member.crc32;
  }
  // Where the device is, for this once: what each has, and behind it this rank's own.
  const int64_t others = world.size() * static_cast<int64_t>(sizeof(mine));
  const int64_t bytes = others + static_cast<int64_t>(sizeof(mine));
  auto there = device_->Allocate(bytes, 256);
  if (!there.ok()) return there.status();
  auto here = device_->AllocateHost(bytes);
  if (!here.ok()) return here.status();
  auto stream = device_->CreateStream();
  if (!stream.ok()) return stream.status();
  std::memcpy(here->data + others, &mine, sizeof(mine));
  plan::Collective gather;
  gather.set_kind(plan::Collective::ALL_GATHER);
  gather.set_dtype(plan::U64);
  absl::Status status = device_->Copy(there->data, here->data, bytes, Device::Direction::kIn, stream->get());
  if (status.ok()) status = world.Run(gather, there->data + others, there->data, 1, stream->get());
  if (status.ok()) {
    status = collective::Await(world.timeout(), "comparing the ranks' plans", [&]() -> absl::StatusOr<bool> {
      absl::StatusOr<bool> done = device_->IsDone(stream->get());
      if (!done.ok()) return done;
      if (absl::Status failed = *done ? world.CheckDone() : world.Check(); !failed.ok()) return failed;
      return done;
    });
  }
  if (status.ok()) {
    status = device_->Copy(here->data, there->data, others, Device::Direction::kOut, stream->get());
    if (status.ok()) status = device_->Synchronize(stream->get());
  }
  if (!status.ok()) {
    world.Abort(status);  // before the memory goes, which waits for the stream
    return status;
  }
  for (int rank = 0; rank < world.size(); ++rank) {
    if (std::memcmp(here->data + rank * sizeof(mine), &mine, sizeof(mine)) == 0) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("rank ", rank, " has loaded another plan than rank ", world.rank(), ": all load the same file"));
  }
  return absl::OkStatus();
}

std::byte* Program::TakeSessionPlace() const {
  if (device_->is_host() || base_ == nullptr || session_place_taken_.exchange(true)) return nullptr;
  return base_;
}

absl::Status Program::MeasureReserve() const {
  if (device_->is_host()) return absl::OkStatus();
  const Device::Usage now = device_->MemoryUsage();
  int64_t measured = -1;
  if (now.process_bytes >= 0) {
    measured = now.process_bytes - now.allocated_bytes - callers_bytes_;
  } else if (now.free_bytes >= 0 && before_.free_bytes >= 0) {
    // Without what the context itself took, which was there before.
    measured = before_.free_bytes - now.free_bytes - (now.allocated_bytes - before_.allocated_bytes);
  }
  if (measured < 0) return absl::OkStatus();
  measured_reserve_.store(measured);
  if (!plan().has_budget_bytes()) return absl::OkStatus();
  const int64_t planned = plan().certificate().peak_bytes() - plan().target().reserved_bytes();
  if (planned + measured <= plan().budget_bytes()) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the plan takes ", planned, " bytes, driver and libraries took ", measured, " of ", device_->name(),
      ", together more than the budget of ", plan().budget_bytes(), " bytes; the plan reserves ",
      plan().target().reserved_bytes(), " for driver and libraries: compile it with that reserve or a larger budget"));
}

DeviceUsage Program::device_usage() const {
  DeviceUsage usage;
  if (device_->is_host()) return usage;
  usage.planned_bytes = RequiredBytes(plan());
  usage.planned_reserve_bytes = plan().target().reserved_bytes();
  usage.measured_reserve_bytes = measured_reserve_.load();
  return usage;
}

}  // namespace plimsoll::runtime
