// [P7] The certificate restates what the plan holds: computed again here, in another way than ir/plan/certificate.cc,
// and compared. [P4] The peak is within the budget.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

using ByClass = std::map<int, int64_t>;  // without zeros

// A change of the bytes alive at a command.
struct Change {
  int command;
  int memory_class;
  int64_t bytes;
};

struct Totals {
  int64_t parameters = 0, session = 0, load = 0;  // arenas
  int64_t mapped = 0;                             // weights that run maps
  int64_t load_mapped = 0;                        // most bytes of other weights at a command of load
  int64_t reserved = 0;                           // by driver and libraries
  int64_t host_parameters = 0, host_others[2] = {};   // arenas of the host; of SESSION, of LOAD
};

void Sort(std::vector<Change>& changes) {
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return std::tie(a.command, a.bytes) < std::tie(b.command, b.bytes);
  });
}

Totals Count(const ProgramView& load, const ProgramView& run) {
  const Plan& plan = run.plan;
  Totals totals;
  for (const Arena& arena : plan.arenas()) {
    if (arena.space() == Arena::HOST) {
      (arena.scope() == Arena::PARAMETERS ? totals.host_parameters : totals.host_others[arena.scope() == Arena::LOAD]) +=
          arena.size_bytes();
      continue;
    }
    (arena.scope() == Arena::PARAMETERS ? totals.parameters
     : arena.scope() == Arena::SESSION  ? totals.session
                                        : totals.load) += arena.size_bytes();
  }
  totals.reserved = plan.target().reserved_bytes();
  if (plan.target().kind() == Target::CUDA) return totals;  // the weights' own bytes are the host's
  std::set<int> resident;
  for (const Buffer& buffer : run.program.buffers()) {
    if (buffer.has_weight() && resident.insert(buffer.weight()).second)
      totals.mapped += plan.weights(buffer.weight()).length();
  }
  // A weight counts while at least one of load's buffers of it is alive.
  std::vector<Change> changes;  // memory_class holds the weight
  for (const Buffer& buffer : load.program.buffers()) {
    if (!buffer.has_weight() || resident.count(buffer.weight()) != 0 || load.First(buffer) >= load.Last(buffer))
      continue;
    changes.push_back({load.First(buffer), buffer.weight(), 1});
    changes.push_back({load.Last(buffer), buffer.weight(), -1});
  }
  Sort(changes);
  std::map<int, int64_t> alive;
  int64_t bytes = 0;
  for (size_t i = 0; i < changes.size(); ++i) {
    int64_t& users = alive[changes[i].memory_class];
    const bool was = users > 0;
    users += changes[i].bytes;
    bytes += ((users > 0) - was) * plan.weights(changes[i].memory_class).length();
    const bool settled = i + 1 == changes.size() || changes[i + 1].command != changes[i].command;
    if (settled) totals.load_mapped = std::max(totals.load_mapped, bytes);
  }
  return totals;
}

bool InSession(const ProgramView& run, const Buffer& buffer) {
  if (buffer.has_weight() || run.OnHost(buffer)) return false;
  return run.plan.arenas(buffer.arena()).scope() == Arena::SESSION;
}

// When the bytes of run's SESSION buffers come and go. [P2] holds: of two buffers alive at one command, only an
// in-place pair shares bytes, and those count for the one whose place it is.
std::vector<Change> SessionChanges(const ProgramView& run) {
  std::vector<Change> changes;
  for (const Buffer& buffer : run.program.buffers()) {
    const int first = run.First(buffer), last = run.Last(buffer);
    if (!InSession(run, buffer) || first >= last || buffer.size_bytes() == 0) continue;
    const int memory_class = buffer.memory_class();
    changes.push_back({first, memory_class, buffer.size_bytes()});
    changes.push_back({last, memory_class, -buffer.size_bytes()});
    if (!buffer.has_in_place_of()) continue;
    const Buffer& place = run.program.buffers(buffer.in_place_of());
    if (place.has_weight() || place.arena() != buffer.arena()) continue;
    const int from = std::max(first, run.First(place)), to = std::min(last, run.Last(place));
    const int64_t begin = std::max(buffer.offset(), place.offset());
    const int64_t end = std::min(buffer.offset() + buffer.size_bytes(), place.offset() + place.size_bytes());
    if (from >= to || begin >= end) continue;
    changes.push_back({from, memory_class, begin - end});
    changes.push_back({to, memory_class, end - begin});
  }
  Sort(changes);
  return changes;
}

template <typename Repeated>
bool Same(const ByClass& expected, const Repeated& stated) {
  if (static_cast<int>(expected.size()) != stated.size()) return false;
  int i = 0;
  for (const auto& [memory_class, bytes] : expected) {
    if (stated[i].memory_class() != memory_class || stated[i].bytes() != bytes) return false;
    ++i;
  }
  return true;
}

class CertificateCheck {
 public:
  CertificateCheck(const ProgramView& load, const ProgramView& run, Report& report)
      : run_(run), stated_(run.plan.certificate()), report_(report), totals_(Count(load, run)) {}

  void Check() {
    const int64_t resident = totals_.mapped + totals_.parameters;
    const int64_t run_peak = resident + totals_.session + totals_.reserved;
    const int64_t load_peak = resident + totals_.load + totals_.load_mapped + totals_.reserved;
    const int64_t peak = std::max(run_peak, load_peak);
    Expect("resident_weight_bytes", stated_.resident_weight_bytes(), resident);
    Expect("session_arena_bytes", stated_.session_arena_bytes(), totals_.session);
    Expect("run_peak_bytes", stated_.run_peak_bytes(), run_peak);
    Expect("load_peak_bytes", stated_.load_peak_bytes(), load_peak);
    Expect("peak_bytes", stated_.peak_bytes(), peak);
    Expect("host_bytes", stated_.host_bytes(),
           totals_.host_parameters + std::max(totals_.host_others[0], totals_.host_others[1]));
    CheckTimeline(resident);
    CheckBindingTensor();
    CheckRecomputed();
    const Plan& plan = run_.plan;
    if (plan.has_smallest_feasible_budget_bytes() &&
        (plan.smallest_feasible_budget_bytes() < 0 || plan.smallest_feasible_budget_bytes() > peak)) {
      report_.Add(7, "smallest_feasible_budget_bytes is ", plan.smallest_feasible_budget_bytes(),
                  ", but this plan itself takes ", peak);
    }
    if (plan.has_budget_bytes() && peak > plan.budget_bytes()) {
      report_.Add(4, "the plan takes ", peak, " bytes (", resident, " of weights, ", totals_.session, " a session, ",
                  totals_.load + totals_.load_mapped, " more while loading, ", totals_.reserved,
                  " taken by driver and libraries), the budget is ", plan.budget_bytes(),
                  "; compile with a larger budget");
    }
  }

 private:
  void Expect(const char* field, int64_t stated, int64_t expected) {
    if (stated != expected) report_.Add(7, "certificate: ", field, " is ", stated, ", the plan gives ", expected);
  }

  void CheckRecomputed() {
    int operations = 0;
    double flops = 0;
    for (const Command& command : run_.program.commands()) {
      operations += command.recomputed();
      if (command.recomputed()) flops += command.flops();
    }
    Expect("recomputed_operations", stated_.recomputed_operations(), operations);
    if (!(stated_.recomputed_flops() == flops)) {
      report_.Add(7, "certificate: recomputed_flops is ", stated_.recomputed_flops(), ", the plan gives ", flops);
    }
  }

  void CheckTimeline(int64_t resident) {
    if (stated_.timeline_size() != run_.count) {
      report_.Add(7, "certificate: a timeline of ", stated_.timeline_size(), " points for ", run_.count, " commands");
      return;
    }
    const std::vector<Change> changes = SessionChanges(run_);
    ByClass now;
    if (resident > 0) now[WEIGHTS] = resident;
    if (totals_.reserved > 0) now[RESERVED] = totals_.reserved;
    int64_t session = 0, most = -1;
    size_t next = 0;
    ByClass at_peak;
    for (int c = 0; c < std::max(1, run_.count); ++c) {
      for (; next < changes.size() && changes[next].command == c; ++next) {
        const auto at = now.try_emplace(changes[next].memory_class, 0).first;
        at->second += changes[next].bytes;
        if (at->second == 0) now.erase(at);
        session += changes[next].bytes;
      }
      if (session > most) {
        most = session;
        peak_command_ = c;
        at_peak = now;
      }
      if (c < run_.count && !Same(now, stated_.timeline(c).bytes())) {
        report_.Add(7, "certificate: point ", c, " of the timeline is not what is alive at that command");
        return;
      }
    }
    Expect("session_lower_bound_bytes", stated_.session_lower_bound_bytes(), most);
    Expect("peak_command", stated_.peak_command(), peak_command_);
    if (!Same(at_peak, stated_.at_peak())) {
      report_.Add(7, "certificate: at_peak is not what is alive at command ", peak_command_);
    }
  }

  void CheckBindingTensor() {
    if (peak_command_ < 0) return;
    int64_t largest = -1;
    bool named = false;  // the stated one is among the largest
    for (const Buffer& buffer : run_.program.buffers()) {
      if (!InSession(run_, buffer) || run_.First(buffer) > peak_command_ || run_.Last(buffer) <= peak_command_)
        continue;
      if (buffer.size_bytes() < largest) continue;
      named = (buffer.size_bytes() == largest && named) || buffer.name() == stated_.binding_tensor();
      largest = buffer.size_bytes();
    }
    if (largest < 0 ? stated_.binding_tensor().empty() : named) return;
    report_.Add(7, "certificate: binding_tensor is ", Quote(stated_.binding_tensor()),
                ", which is not the largest buffer alive at the peak, command ", peak_command_);
  }

  const ProgramView& run_;
  const Certificate& stated_;
  Report& report_;
  const Totals totals_;
  int peak_command_ = -1;
};

}  // namespace

void CheckCertificate(const ProgramView& load, const ProgramView& run, Report& report) {
  CertificateCheck(load, run, report).Check();
}

}  // namespace plimsoll::plan::validator
