#include "tools/plimsoll/profile.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

constexpr size_t kProfileLines = 40;

// What a command does, in few words.
std::string Describe(const plan::Command& command) {
  switch (command.kind_case()) {
    case plan::Command::kLaunch: return command.launch().symbol();
    case plan::Command::kLibraryCall: {
      const plan::LibraryOp& op = command.library_call().op();
      const auto* field = plan::LibraryOp::descriptor()->FindFieldByNumber(op.op_case());
      return field == nullptr ? "library call" : std::string(field->name());
    }
    case plan::Command::kCopy: return "copy";
    case plan::Command::kFill: return "fill";
    case plan::Command::kHostCall: return command.host_call().function();
    case plan::Command::kBranch: return "branch";
    case plan::Command::kLoop: return "loop";
    default: return "other";
  }
}

// Read and written, workspace apart.
int64_t BytesOf(const plan::Command& command) {
  int64_t bytes = command.has_library_call() ? -command.library_call().op().workspace_bytes() : 0;
  for (const plan::Operand& operand : command.operands()) bytes += operand.length();
  return bytes;
}

}  // namespace

absl::StatusOr<std::vector<CommandTime>> Profile(runtime::Session& session, int runs) {
  using Clock = std::chrono::steady_clock;
  const int count = session.program().plan().run().commands_size();
  std::vector<std::vector<double>> samples(count);
  for (int run = 0; run < runs; ++run) {
    auto last = Clock::now();
    absl::Status status = session.Run([&](int command) {
      const auto now = Clock::now();
      samples[command].push_back(std::chrono::duration<double>(now - last).count());
      last = Clock::now();
    });
    if (!status.ok()) return status;
  }
  std::vector<CommandTime> times;
  for (int i = 0; i < count; ++i) {
    if (samples[i].empty()) continue;
    std::nth_element(samples[i].begin(), samples[i].begin() + samples[i].size() / 2, samples[i].end());
    times.push_back({i, samples[i][samples[i].size() / 2]});
  }
  std::stable_sort(times.begin(), times.end(), [](const CommandTime& a, const CommandTime& b) { return a.seconds > b.seconds; });
  return times;
}

void ShowProfile(const plan::Plan& plan, const std::vector<CommandTime>& times, Json& json, bool as_json) {
  double total = 0;
  for (const CommandTime& time : times) total += time.seconds;
  if (!as_json) std::printf("\n%10s %6s %8s  %-32s %s\n", "time", "share", "GFLOP/s", "command", "node");
  for (size_t i = 0; i < times.size(); ++i) {
    const plan::Command& command = plan.run().commands(times[i].command);
    json["profile"].push_back({{"command", times[i].command}, {"seconds", times[i].seconds}, {"kind", Describe(command)}, {"node", command.node()},
                               {"bytes", BytesOf(command)}, {"flops", command.flops()}});
    if (as_json || i >= kProfileLines) continue;
    const std::string what = absl::StrCat(times[i].command, " ", Describe(command));
    std::printf("%10s %5.1f%% %8.1f  %-32.32s %.80s\n", FormatSeconds(times[i].seconds).c_str(), 100 * times[i].seconds / total,
                command.flops() / times[i].seconds / 1e9, what.c_str(), command.node().c_str());
  }
  if (!as_json) std::printf("%10s %5.1f%%  of %zu commands\n", FormatSeconds(total).c_str(), 100.0, times.size());
}

}  // namespace plimsoll::cli
