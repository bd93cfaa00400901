#include "runtime/device/cuda/testing/fake_queue.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace plimsoll::runtime::cuda::testing {
namespace {

constexpr std::chrono::microseconds kPause(20);  // before it is asked again whether another GPU has come

}  // namespace

std::shared_ptr<FakeOperation> FakeQueue::Push(const std::string& name, FakeWork work,
                                               std::vector<std::shared_ptr<FakeOperation>> after, FakeGate gate) {
  auto operation = std::make_shared<FakeOperation>();
  operation->name = name;
  operation->work = std::move(work);
  operation->gate = std::move(gate);
  for (auto& before : after) {
    if (before != nullptr && !before->done) operation->after.push_back(std::move(before));
  }
  pending_.push_back(operation);
  return operation;
}

CUresult FakeQueue::Add(FakeStream& stream, const std::string& name, FakeWork work, FakeGates gates) {
  if (stream.capture != nullptr) {
    if (stream.capture->invalid) return kErrorStreamCaptureInvalidated;
    auto& nodes = stream.capture->graph.nodes;
    nodes.push_back({name, std::move(work), std::move(gates), stream.captured_after});
    stream.captured_after = {static_cast<int>(nodes.size()) - 1};
    return kSuccess;
  }
  stream.last = Push(name, std::move(work), {stream.last}, gates ? gates() : nullptr);
  return kSuccess;
}

CUresult FakeQueue::Record(FakeStream& stream, FakeEvent& event) {
  event.capture = stream.capture;
  event.captured_after = stream.captured_after;
  if (stream.capture == nullptr) event.recorded = stream.last = Push("mark", nullptr, {stream.last});
  return stream.capture != nullptr && stream.capture->invalid ? kErrorStreamCaptureInvalidated : kSuccess;
}

CUresult FakeQueue::Wait(FakeStream& stream, FakeEvent& event) {
  if (event.capture != nullptr) {
    if (std::find(captures_.begin(), captures_.end(), event.capture) == captures_.end()) {
      return kErrorCapturedEvent;  // of a capture that has ended
    }
    if (stream.capture == nullptr) {  // the wait brings the stream into the capture
      stream.capture = event.capture;
      stream.captured_after.clear();
      stream.capture->streams.push_back(&stream);
    }
    if (stream.capture != event.capture) return kErrorStreamCaptureIsolation;
    stream.captured_after.insert(stream.captured_after.end(), event.captured_after.begin(), event.captured_after.end());
    return kSuccess;
  }
  if (stream.capture != nullptr) {
    stream.capture->invalid = true;
    return kErrorStreamCaptureIsolation;
  }
  if (event.recorded != nullptr) stream.last = Push("mark", nullptr, {stream.last, event.recorded});
  return kSuccess;
}

CUresult FakeQueue::BeginCapture(FakeStream& stream) {
  if (stream.capture != nullptr) return kErrorInvalidValue;
  stream.capture = std::make_shared<FakeCapture>();
  stream.capture->thread = std::this_thread::get_id();
  stream.capture->origin = &stream;
  stream.capture->streams = {&stream};
  stream.captured_after.clear();
  captures_.push_back(stream.capture);
  return kSuccess;
}

CUresult FakeQueue::EndCapture(FakeStream& stream, FakeGraph* graph) {
  const std::shared_ptr<FakeCapture> capture = stream.capture;
  if (capture == nullptr) return kErrorInvalidValue;
  if (capture->origin != &stream) return kErrorStreamCaptureUnmatched;
  // Everything that other streams did must come before the origin's end.
  std::vector<bool> joined(capture->graph.nodes.size(), false);
  for (int last : stream.captured_after) joined[last] = true;
  for (size_t i = joined.size(); i-- > 0;) {
    if (!joined[i]) continue;
    for (int before : capture->graph.nodes[i].after) joined[before] = true;
  }
  const bool all = std::all_of(joined.begin(), joined.end(), [](bool j) { return j; });
  for (FakeStream* member : capture->streams) {
    member->capture = nullptr;
    member->captured_after.clear();
  }
  captures_.erase(std::find(captures_.begin(), captures_.end(), capture));
  if (capture->invalid) return kErrorStreamCaptureInvalidated;
  if (!all) return kErrorStreamCaptureUnjoined;
  *graph = std::move(capture->graph);
  return kSuccess;
}

CUresult FakeQueue::Launch(FakeExecutable& executable, FakeStream& stream) {
  if (stream.capture != nullptr) return kErrorNotSupported;
  const auto begin = Push("mark", nullptr, {stream.last, executable.last});
  std::vector<std::shared_ptr<FakeOperation>> made = {};
  for (const FakeGraph::Node& node : executable.graph.nodes) {
    std::vector<std::shared_ptr<FakeOperation>> after = {begin};
    for (int before : node.after) after.push_back(made[before]);
    made.push_back(Push(node.name, node.work, std::move(after), node.gates ? node.gates() : nullptr));
  }
  made.push_back(begin);
  executable.last = stream.last = Push("mark", nullptr, std::move(made));
  return kSuccess;
}

CUresult FakeQueue::RunOne() {
  std::vector<size_t> ready;
  for (size_t i = 0; i < pending_.size(); ++i) {
    auto& after = pending_[i]->after;
    std::erase_if(after, [](const auto& before) { return before->done; });
    if (after.empty()) ready.push_back(i);
  }
  size_t chosen = 0;
  for (;;) {
    if (ready.empty()) return kErrorNotReady;
    const size_t drawn = random_() % ready.size();
    chosen = ready[drawn];
    const CUresult result = pending_[chosen]->gate ? pending_[chosen]->gate() : kSuccess;
    if (result == kSuccess) break;
    if (result != kErrorNotReady) return Fail(result);
    ready.erase(ready.begin() + static_cast<std::ptrdiff_t>(drawn));
  }
  const std::shared_ptr<FakeOperation> operation = pending_[chosen];
  pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(chosen));
  CUresult result = kSuccess;
  if (operation->work != nullptr) {
    done_.push_back(operation->name);
    result = operation->work();
  }
  operation->done = true;
  operation->work = nullptr;
  operation->gate = nullptr;
  return result == kSuccess ? result : Fail(result);
}

CUresult FakeQueue::Fail(CUresult result) {
  for (auto& left : pending_) {
    left->done = true;
    left->work = nullptr;
    left->gate = nullptr;
    left->after.clear();
  }
  pending_.clear();
  return result;
}

CUresult FakeQueue::RunUntil(const std::shared_ptr<FakeOperation>& operation) {
  for (;;) {
    const CUresult result = RunTowards(operation);
    if (result != kErrorNotReady) return result;
    std::this_thread::sleep_for(kPause);
  }
}

CUresult FakeQueue::RunTowards(const std::shared_ptr<FakeOperation>& operation) {
  while (operation != nullptr && !operation->done) {
    if (CUresult result = RunOne(); result != kSuccess) return result;
  }
  return kSuccess;
}

CUresult FakeQueue::RunAll() {
  while (!pending_.empty()) {
    const CUresult result = RunOne();
    if (result == kErrorNotReady) {
      std::this_thread::sleep_for(kPause);
    } else if (result != kSuccess) {
      return result;
    }
  }
  return kSuccess;
}

bool FakeQueue::Captures() const {
  return std::any_of(captures_.begin(), captures_.end(),
                     [](const auto& capture) { return capture->thread == std::this_thread::get_id(); });
}

void FakeQueue::InvalidateCaptures() {
  for (const auto& capture : captures_) {
    if (capture->thread == std::this_thread::get_id()) capture->invalid = true;
  }
}

}  // namespace plimsoll::runtime::cuda::testing
