// A small plan with one of everything, for tests: inline and external weights, a load program that packs one of them, a
// library call with workspace, an in-place kernel, a branch, a loop, and a host call.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <vector>

#include "ir/plan/artefact.h"
#include "ir/plan/plan.pb.h"

namespace plimsoll::plan::testing {

// Indices into the sample's run.buffers and run.commands.
enum RunBuffer {
  kX,
  kPacked,
  kBias,
  kHidden,
  kRelu,
  kCondition,
  kY,
  kElse,
  kAcc,
  kIteration,
  kBody,
  kZ,
  kWorkspace,
  kExternal
};
enum RunCommand {
  kMatmul,
  kReluLaunch,
  kFill,
  kBranch,
  kThenCopy,
  kElseLaunch,
  kElseCopy,
  kAccCopy,
  kLoop,
  kBodyLaunch,
  kBodyCopy,
  kHost
};

// Valid, with its certificate.
Plan SamplePlan();

// A plan for a GPU: load copies a weight to the device; run launches a kernel, then calls a library, with a kernel to fall
// back to, on a second stream that waits for the first.
Plan SampleCudaPlan();

// The same with its weight on the host too, from where run fetches it (command 6), and an activation that is put aside (4)
// and brought back (5).
Plan SampleOffloadPlan();

// A plan for 2 x 2 ranks on the CPU with a collective of every kind, on two streams; load takes each rank's piece of a weight.
Plan SampleRankedPlan();

// Indices into its run.buffers and run.commands.
enum RankedBuffer {
  kRankedW,
  kRankedX,
  kRankedSum,
  kRankedGathered,
  kRankedScattered,
  kRankedExchanged,
  kRankedShifted,
  kRankedSlice,
  kRankedZ
};
enum RankedCommand {
  kRankedAllReduce,
  kRankedAllGather,
  kRankedReduceScatter,
  kRankedRecord,
  kRankedWait,
  kRankedAllToAll,
  kRankedBroadcast,
  kRankedPermute,
  kRankedAllSlice,
  kRankedCopy
};

// The members that these plans refer to.
MemberInfo SampleMembers();

// The bytes of weights.bin, and of the external file "model.data".
std::vector<std::byte> SampleWeights();
std::vector<std::byte> SampleExternalFile();

// Everything of the artefact; `weights` must outlive the result.
ArtefactContents SampleContents(const std::vector<std::byte>& weights);

// Builders, for other plans. Of f32.
TensorType Float(std::initializer_list<int64_t> dims);
MemoryDesc Desc(std::initializer_list<int64_t> dims);
Buffer* AddBuffer(Program* program, const std::string& name, int arena, int64_t offset, int64_t size, int first,
                  int last);
Command* AddOperand(Command* command, int buffer, int64_t offset, int64_t length, Operand::Access access);

}  // namespace plimsoll::plan::testing
