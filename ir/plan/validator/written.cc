// [P3] Nothing is read before it is written. A walk over the commands in order keeps the bytes of each buffer that have
// been written on every way to here. What a body writes that may not run is taken back at its end: of a branch remains
// what both bodies write, of a loop that may run no iteration nothing, but for buffers whose size then is 0 (a
// dimension known only at run time).
#include <algorithm>
#include <map>
#include <tuple>

#include "ir/plan/validator/checks.h"

namespace plimsoll::plan::validator {
namespace {

struct Piece {
  int buffer;
  int64_t begin;
  int64_t end;
};

// Disjoint, not adjacent, begin -> end.
using Written = std::map<int64_t, int64_t>;

class WrittenCheck {
 public:
  WrittenCheck(const ProgramView& view, Report& report)
      : view_(view), report_(report), written_(view.program.buffers_size()) {
    for (int i = 0; i < view.program.buffers_size(); ++i) {
      if (view.program.buffers(i).has_weight()) AddWhole(i);
    }
  }

  void AddWhole(int buffer) { Add({buffer, 0, view_.program.buffers(buffer).size_bytes()}); }

  void Add(Piece piece) {
    if (piece.begin >= piece.end) return;
    Written& written = written_[piece.buffer];
    auto at = written.upper_bound(piece.begin);
    if (at != written.begin() && std::prev(at)->second >= piece.begin) --at;
    int64_t begin = piece.begin, end = piece.end, free = piece.begin;
    while (at != written.end() && at->first <= piece.end) {
      ++steps_;
      if (free < at->first) Log({piece.buffer, free, at->first});
      free = std::max(free, at->second);
      begin = std::min(begin, at->first);
      end = std::max(end, at->second);
      at = written.erase(at);
    }
    if (free < piece.end) Log({piece.buffer, free, piece.end});
    written[begin] = end;
  }

  bool Has(const Piece& piece) const {
    if (piece.begin >= piece.end) return true;
    const Written& written = written_[piece.buffer];
    const auto after = written.upper_bound(piece.begin);
    return after != written.begin() && std::prev(after)->second >= piece.end;
  }

  void Walk() {
    for (int c = 0; c <= view_.count && !report_.full(); ++c) {
      while (!bodies_.empty() && bodies_.back().end <= c) Leave();
      if (c == view_.count) break;
      if (steps_ > kMostSteps) {
        report_.Add(3, view_.name, ": the operands are cut in too many ways to check what is written");
        return;
      }
      const Command& command = view_.program.commands(c);
      for (const Operand& operand : command.operands()) {
        const Piece piece{operand.buffer(), operand.offset(), operand.offset() + operand.length()};
        if (operand.access() == Operand::WRITE || Has(piece)) continue;
        report_.Add(3, view_.Command(c), ": reads bytes [", piece.begin, ", ", piece.end, ") of ",
                    view_.Buffer(operand.buffer()), ", which nothing before it has written on every way to it");
      }
      if (command.has_loop()) {
        // Before what it writes: the iteration number, which belongs to the body.
        const bool always = !command.loop().has_condition() && command.loop().max_trips() > 0;
        bodies_.push_back({always ? Body::kAlways : Body::kMaybe, view_.end[c], {}, {}});
      }
      for (const Operand& operand : command.operands()) {
        if (operand.access() == Operand::READ) continue;
        Add({operand.buffer(), operand.offset(), operand.offset() + operand.length()});
      }
      if (command.has_branch()) {
        // An empty body writes nothing: with it, nothing of the other remains.
        const int else_begin = view_.ElseBegin(c);
        if (view_.end[c] > else_begin && else_begin > c + 1) {
          bodies_.push_back({Body::kElse, view_.end[c], {}, {}});
          bodies_.push_back({Body::kThen, else_begin, {}, {}});
        } else if (view_.end[c] > c + 1) {
          bodies_.push_back({Body::kBranchAlone, view_.end[c], {}, {}});
        }
      }
    }
  }

  // What load has left in the PARAMETERS arenas: arena, begin, end.
  std::vector<Piece> ParameterPieces() const {
    std::vector<Piece> pieces;
    for (int i = 0; i < view_.program.buffers_size(); ++i) {
      const Buffer& buffer = view_.program.buffers(i);
      if (buffer.has_weight() || view_.plan.arenas(buffer.arena()).scope() != Arena::PARAMETERS) continue;
      for (const auto& [begin, end] : written_[i]) {
        pieces.push_back({buffer.arena(), buffer.offset() + begin, buffer.offset() + end});
      }
    }
    return pieces;
  }

 private:
  struct Body {
    enum Kind { kAlways, kMaybe, kThen, kElse, kBranchAlone } kind;
    int end;
    std::vector<Piece> added;       // by this body, not written before it
    std::vector<Piece> then_added;  // kElse: by the then body
  };

  void Log(const Piece& piece) {
    if (!bodies_.empty()) bodies_.back().added.push_back(piece);
  }

  void Remove(const Piece& piece) {
    Written& written = written_[piece.buffer];
    const auto at = std::prev(written.upper_bound(piece.begin));  // covers the piece
    const int64_t begin = at->first, end = at->second;
    written.erase(at);
    if (begin < piece.begin) written[begin] = piece.begin;
    if (piece.end < end) written[piece.end] = end;
    ++steps_;
  }

  bool EmptyWithoutIterations(int buffer) const {
    const auto& slots = view_.program.buffers(buffer).type().slots();
    return std::any_of(slots.begin(), slots.end(), [](int slot) { return slot > 0; });
  }

  void Leave() {
    Body body = std::move(bodies_.back());
    bodies_.pop_back();
    if (body.kind == Body::kAlways) {
      for (const Piece& piece : body.added) Log(piece);
      steps_ += static_cast<int64_t>(body.added.size());
      return;
    }
    for (const Piece& piece : body.added) {
      if (body.kind == Body::kMaybe && EmptyWithoutIterations(piece.buffer)) {
        Log(piece);
      } else {
        Remove(piece);
      }
    }
    if (body.kind == Body::kThen) {
      bodies_.back().then_added = std::move(body.added);
    } else if (body.kind == Body::kElse) {
      AddCommon(std::move(body.then_added), std::move(body.added));
    }
  }

  void AddCommon(std::vector<Piece> a, std::vector<Piece> b) {
    const auto by_place = [](const Piece& x, const Piece& y) {
      return std::tie(x.buffer, x.begin) < std::tie(y.buffer, y.begin);
    };
    std::sort(a.begin(), a.end(), by_place);
    std::sort(b.begin(), b.end(), by_place);
    for (size_t i = 0, j = 0; i < a.size() && j < b.size();) {
      if (a[i].buffer == b[j].buffer) {
        Add({a[i].buffer, std::max(a[i].begin, b[j].begin), std::min(a[i].end, b[j].end)});
      }
      if (std::tie(a[i].buffer, a[i].end) < std::tie(b[j].buffer, b[j].end)) {
        ++i;
      } else {
        ++j;
      }
    }
  }

  const ProgramView& view_;
  Report& report_;
  std::vector<Written> written_;  // by buffer
  std::vector<Body> bodies_;      // innermost last
  int64_t steps_ = 0;
};

// The parts of run's PARAMETERS buffers that load has written.
void AddParameters(const ProgramView& run, std::vector<Piece> pieces, WrittenCheck& check) {
  std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
    return std::tie(a.buffer, a.begin, a.end) < std::tie(b.buffer, b.begin, b.end);
  });
  // One that ends no later than another before it adds nothing; without those, ends ascend as begins do.
  size_t kept = 0;
  for (const Piece& piece : pieces) {
    if (kept > 0 && pieces[kept - 1].buffer == piece.buffer && pieces[kept - 1].end >= piece.end) continue;
    pieces[kept++] = piece;
  }
  pieces.resize(kept);
  for (int i = 0; i < run.program.buffers_size(); ++i) {
    const Buffer& buffer = run.program.buffers(i);
    if (buffer.has_weight() || run.plan.arenas(buffer.arena()).scope() != Arena::PARAMETERS) continue;
    const int64_t begin = buffer.offset(), end = begin + buffer.size_bytes();
    auto at = std::partition_point(pieces.begin(), pieces.end(), [&](const Piece& piece) {
      return std::tie(piece.buffer, piece.end) <= std::make_tuple(buffer.arena(), begin);
    });
    for (; at != pieces.end() && at->buffer == buffer.arena() && at->begin < end; ++at) {
      check.Add({i, std::max(at->begin, begin) - begin, std::min(at->end, end) - begin});
    }
  }
}

}  // namespace

void CheckWritten(const ProgramView& load, const ProgramView& run, Report& report) {
  WrittenCheck load_check(load, report);
  load_check.Walk();
  if (report.full()) return;
  WrittenCheck run_check(run, report);
  AddParameters(run, load_check.ParameterPieces(), run_check);
  for (const Binding& input : run.plan.signature().inputs()) {
    if (!input.fixed()) run_check.AddWhole(input.buffer());
  }
  run_check.Walk();
  for (const Binding& output : run.plan.signature().outputs()) {
    if (report.full()) return;
    const int64_t size = run.program.buffers(output.buffer()).size_bytes();
    if (run_check.Has({output.buffer(), 0, size})) continue;
    report.Add(3, "output ", Quote(output.name()), ": not all of its ", run.Buffer(output.buffer()),
               " is written when run ends");
  }
}

}  // namespace plimsoll::plan::validator
