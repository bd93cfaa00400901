#include "ir/plan/certificate.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace plimsoll::plan {
namespace {

using ByClass = std::array<int64_t, MemoryClass_ARRAYSIZE>;

int64_t Sum(const ByClass& bytes) {
  int64_t sum = 0;
  for (const int64_t b : bytes) sum += b;
  return sum;
}

int64_t ArenaBytes(const Plan& plan, Arena::Scope scope, Arena::Space space = Arena::DEVICE) {
  int64_t bytes = 0;
  for (const Arena& arena : plan.arenas()) {
    if (arena.scope() == scope && arena.space() == space) bytes += arena.size_bytes();
  }
  return bytes;
}

// The commands of a program, or the one moment of a program without any.
int Moments(const Program& program) { return std::max(1, program.commands_size()); }

std::pair<int, int> Interval(const Program& program, const Buffer& buffer) {
  if (program.commands_size() == 0) return {0, 1};
  return {buffer.first(), buffer.last()};
}

// In CUDA plans the weights' own bytes are the host's.
bool IsCuda(const Plan& plan) { return plan.target().kind() == Target::CUDA; }

std::vector<bool> ResidentWeights(const Plan& plan) {
  std::vector<bool> resident(plan.weights_size());
  if (IsCuda(plan)) return resident;
  for (const Buffer& buffer : plan.run().buffers()) {
    if (buffer.has_weight()) resident[buffer.weight()] = true;
  }
  return resident;
}

// The most bytes of weights that are not resident anyway, mapped by load at one command.
int64_t LoadMappedBytes(const Plan& plan, const std::vector<bool>& resident) {
  if (IsCuda(plan)) return 0;
  std::vector<std::pair<int, std::pair<int, int>>> uses;  // weight, interval
  for (const Buffer& buffer : plan.load().buffers()) {
    if (buffer.has_weight() && !resident[buffer.weight()]) {
      uses.push_back({buffer.weight(), Interval(plan.load(), buffer)});
    }
  }
  std::sort(uses.begin(), uses.end());
  std::vector<int64_t> change(Moments(plan.load()) + 1);
  for (size_t i = 0; i < uses.size();) {
    const auto [weight, interval] = uses[i];
    auto [first, last] = interval;
    for (++i; i < uses.size() && uses[i].first == weight && uses[i].second.first <= last; ++i) {
      last = std::max(last, uses[i].second.second);
    }
    change[first] += plan.weights(weight).length();
    change[last] -= plan.weights(weight).length();
  }
  int64_t now = 0, most = 0;
  for (const int64_t c : change) most = std::max(most, now += c);
  return most;
}

// SESSION bytes by class at each moment of run.
std::vector<ByClass> SessionBytes(const Plan& plan) {
  const Program& run = plan.run();
  std::vector<ByClass> at(Moments(run) + 1);
  const auto add = [&](const Buffer& buffer, int first, int last, int64_t bytes) {
    if (first >= last) return;
    at[first][buffer.memory_class()] += bytes;
    at[last][buffer.memory_class()] -= bytes;
  };
  for (const Buffer& buffer : run.buffers()) {
    if (!InSession(plan, buffer)) continue;
    const auto [first, last] = Interval(run, buffer);
    add(buffer, first, last, buffer.size_bytes());
    if (!buffer.has_in_place_of()) continue;
    // What the two share is counted for the other one only.
    const Buffer& other = run.buffers(buffer.in_place_of());
    if (!InSession(plan, other) || other.arena() != buffer.arena()) continue;
    const int64_t shared = std::min(buffer.offset() + buffer.size_bytes(), other.offset() + other.size_bytes()) -
                           std::max(buffer.offset(), other.offset());
    const auto [other_first, other_last] = Interval(run, other);
    if (shared > 0) add(buffer, std::max(first, other_first), std::min(last, other_last), -shared);
  }
  for (size_t i = 1; i < at.size(); ++i) {
    for (size_t c = 0; c < at[i].size(); ++c) at[i][c] += at[i - 1][c];
  }
  at.pop_back();
  return at;
}

template <typename Repeated>
void AddClasses(const ByClass& bytes, Repeated* out) {
  for (size_t c = 0; c < bytes.size(); ++c) {
    if (bytes[c] == 0) continue;
    ClassBytes* entry = out->Add();
    entry->set_memory_class(static_cast<MemoryClass>(c));
    entry->set_bytes(bytes[c]);
  }
}

}  // namespace

bool InSession(const Plan& plan, const Buffer& buffer) {
  if (buffer.has_weight()) return false;
  const Arena& arena = plan.arenas(buffer.arena());
  return arena.scope() == Arena::SESSION && arena.space() == Arena::DEVICE;
}

Certificate ComputeCertificate(const Plan& plan) {
  Certificate certificate;
  const std::vector<bool> resident = ResidentWeights(plan);
  int64_t resident_bytes = ArenaBytes(plan, Arena::PARAMETERS);
  for (int i = 0; i < plan.weights_size(); ++i) resident_bytes += resident[i] ? plan.weights(i).length() : 0;
  const int64_t session = ArenaBytes(plan, Arena::SESSION);
  certificate.set_resident_weight_bytes(resident_bytes);
  certificate.set_session_arena_bytes(session);
  const int64_t reserved = plan.target().reserved_bytes();
  certificate.set_run_peak_bytes(resident_bytes + session + reserved);
  certificate.set_load_peak_bytes(resident_bytes + ArenaBytes(plan, Arena::LOAD) + LoadMappedBytes(plan, resident) +
                                  reserved);
  certificate.set_host_bytes(
      ArenaBytes(plan, Arena::PARAMETERS, Arena::HOST) +
      std::max(ArenaBytes(plan, Arena::SESSION, Arena::HOST), ArenaBytes(plan, Arena::LOAD, Arena::HOST)));
  certificate.set_peak_bytes(std::max(certificate.run_peak_bytes(), certificate.load_peak_bytes()));

  std::vector<ByClass> at = SessionBytes(plan);
  size_t peak = 0;
  for (size_t i = 1; i < at.size(); ++i) {
    if (Sum(at[i]) > Sum(at[peak])) peak = i;
  }
  certificate.set_session_lower_bound_bytes(Sum(at[peak]));
  certificate.set_peak_command(static_cast<int>(peak));
  for (ByClass& bytes : at) {
    bytes[WEIGHTS] += resident_bytes;
    bytes[RESERVED] += reserved;
  }
  AddClasses(at[peak], certificate.mutable_at_peak());
  for (int i = 0; i < plan.run().commands_size(); ++i) {
    AddClasses(at[i], certificate.add_timeline()->mutable_bytes());
    if (!plan.run().commands(i).recomputed()) continue;
    certificate.set_recomputed_operations(certificate.recomputed_operations() + 1);
    certificate.set_recomputed_flops(certificate.recomputed_flops() + plan.run().commands(i).flops());
  }

  const Buffer* largest = nullptr;
  for (const Buffer& buffer : plan.run().buffers()) {
    if (!InSession(plan, buffer)) continue;
    const auto [first, last] = Interval(plan.run(), buffer);
    if (first > static_cast<int>(peak) || last <= static_cast<int>(peak)) continue;
    if (largest == nullptr || buffer.size_bytes() > largest->size_bytes()) largest = &buffer;
  }
  if (largest != nullptr) certificate.set_binding_tensor(largest->name());
  return certificate;
}

}  // namespace plimsoll::plan
