// The fake driver's streams, events and graphs. Work that is put into streams is done only when something waits for it,
// in an order drawn at random among those that streams and events allow: a missing event shows.
#pragma once

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "runtime/device/cuda/driver_types.h"

namespace plimsoll::runtime::cuda::testing {

// What is done: kSuccess, or the error that ends the context.
using FakeWork = std::function<CUresult()>;

// Whether work may end now: kErrorNotReady while it waits for something that is not the device's, another GPU. It begins
// when this is asked first.
using FakeGate = std::function<CUresult()>;
// One for each time that the work is done: a graph's may be done often.
using FakeGates = std::function<FakeGate()>;

struct FakeOperation {
  std::string name;
  FakeWork work;  // null: a mark
  FakeGate gate;  // null: it waits for nothing else
  std::vector<std::shared_ptr<FakeOperation>> after;
  bool done = false;
};

// The nodes of a captured graph; `after` are indices of earlier ones.
struct FakeGraph {
  struct Node {
    std::string name;
    FakeWork work;
    FakeGates gates;
    std::vector<int> after;
  };
  std::vector<Node> nodes;
};

struct FakeCapture {
  FakeGraph graph;
  std::thread::id thread;
  struct FakeStream* origin = nullptr;
  std::vector<struct FakeStream*> streams;  // that take part
  bool invalid = false;
};

struct FakeStream {
  std::shared_ptr<FakeOperation> last;
  std::shared_ptr<FakeCapture> capture;
  std::vector<int> captured_after;  // nodes that its next one comes after
};

struct FakeEvent {
  std::shared_ptr<FakeOperation> recorded;
  std::shared_ptr<FakeCapture> capture;
  std::vector<int> captured_after;
};

struct FakeExecutable {
  FakeGraph graph;
  std::shared_ptr<FakeOperation> last;  // a graph's launches come one after the other
};

class FakeQueue {
 public:
  explicit FakeQueue(uint64_t seed) : random_(seed) {}

  // Puts work into the stream, or into the graph that is being captured from it.
  CUresult Add(FakeStream& stream, const std::string& name, FakeWork work, FakeGates gates = nullptr);
  CUresult Record(FakeStream& stream, FakeEvent& event);
  CUresult Wait(FakeStream& stream, FakeEvent& event);
  CUresult BeginCapture(FakeStream& stream);
  CUresult EndCapture(FakeStream& stream, FakeGraph* graph);
  CUresult Launch(FakeExecutable& executable, FakeStream& stream);

  // Does work until this is done, or something fails: then nothing is left to do. Waits where nothing can be done.
  CUresult RunUntil(const std::shared_ptr<FakeOperation>& operation);
  // The same without waiting: kErrorNotReady where nothing can be done.
  CUresult RunTowards(const std::shared_ptr<FakeOperation>& operation);
  CUresult RunAll();

  // Whether the calling thread captures: calls that wait or allocate are then errors.
  bool Captures() const;
  void InvalidateCaptures();
  // What was done, in order.
  const std::vector<std::string>& done() const { return done_; }
  size_t pending() const { return pending_.size(); }

 private:
  std::shared_ptr<FakeOperation> Push(const std::string& name, FakeWork work,
                                      std::vector<std::shared_ptr<FakeOperation>> after, FakeGate gate = nullptr);
  CUresult Fail(CUresult result);
  CUresult RunOne();

  std::mt19937_64 random_;
  std::vector<std::shared_ptr<FakeOperation>> pending_;
  std::vector<std::shared_ptr<FakeCapture>> captures_;
  std::vector<std::string> done_;
};

}  // namespace plimsoll::runtime::cuda::testing
