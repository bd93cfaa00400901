// What the parts of the emitter share: the two programs, and where each storage lies in each of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "compiler/emit/emit.h"
#include "compiler/emit/program_builder.h"
#include "compiler/emit/weight_table.h"
#include "passes/cost/load_time.h"

namespace plimsoll::compiler {

// Of every buffer in an arena, bytes: a line of the CPU's cache; what cuBLASLt takes operands to have.
inline int64_t BufferAlignment(const plan::Target& target) { return target.kind() == plan::Target::CUDA ? 256 : 64; }

// Of one run of an operation, as its cost interface says; 0 where it has none.
double FlopsOf(mlir::Operation* op);

class Emission {
 public:
  explicit Emission(const EmitRequest& request);

  absl::Status EmitRun();
  absl::Status EmitLoad();   // after EmitRun, which says what it needs
  // Offsets of all buffers, arenas, signature and certificate.
  absl::StatusOr<Emitted> Finish();

 private:
  // A program in the making, and the buffer of each storage in it (-1: none yet).
  struct Target {
    explicit Target(int64_t alignment) : builder(alignment) {}
    ProgramBuilder builder;
    std::vector<int> buffers;
    bool is_load = false;
  };
  // A weight in the library's layout.
  struct Packed {
    mlir::Operation* user = nullptr;
    mlir::Value source;
    plan::LibraryOp pack;
    int64_t bytes = 0;
    int run_buffer = -1;
    int load_buffer = -1;
  };

  // An operand of a command in the making.
  struct Use {
    Slice slice;
    plan::Operand::Access access;
  };

  // commands.cc
  absl::Status EmitBlock(Target& target, mlir::Block& block);
  absl::Status EmitOperation(Target& target, mlir::Operation* op);
  absl::Status EmitConcat(Target& target, graph::ConcatOp op);
  absl::Status EmitHostCall(Target& target, graph::HostCallInterface op);
  void AllowInPlace(Target& target, mlir::Value from, mlir::Value to);
  // control.cc
  absl::Status EmitIf(Target& target, graph::IfOp op);
  absl::Status EmitLoop(Target& target, graph::LoopOp op);
  // emission.cc
  absl::StatusOr<int> BufferOf(Target& target, int storage);
  absl::StatusOr<int> MakeBuffer(Target& target, int storage);
  absl::StatusOr<Slice> SliceOf(Target& target, mlir::Value value);
  absl::Status Copy(Target& target, const std::string& node, mlir::Value from, const Slice& to);
  absl::StatusOr<Slice> PackedSlice(mlir::Operation* user, mlir::Value source, const plan::LibraryOp& target_op,
                                    int operand, int64_t bytes);
  absl::Status EmitOutputs();
  // The type of a value, with shape slots for dims known only at run time.
  absl::StatusOr<plan::TensorType> TypeOf(mlir::Value value);
  void NewSlots(mlir::Value value);
  // placement.cc
  absl::Status PlaceParameters();
  absl::StatusOr<bool> PlaceArena(ProgramBuilder& builder, int arena, plan::Arena::Scope scope);

  // launch.cc
  absl::Status EmitKernel(Target& target, mlir::Operation* op);
  absl::Status EmitLibraryCall(Target& target, mlir::Operation* op);
  absl::Status EmitPack(Packed& packed);
  void AddLaunch(Target& target, mlir::Operation* op, const KernelUse& kernel, std::vector<Use> uses);
  absl::Status AddLibraryCall(Target& target, mlir::Operation* op, plan::LibraryOp call, std::vector<Use> uses);
  std::vector<std::pair<Slice, Slice>> AlignOperands(Target& target, const std::string& node, std::vector<Use>& uses);
  bool is_cuda() const { return request_.target.kind() == plan::Target::CUDA; }

  const EmitRequest& request_;
  mlir::func::FuncOp function_;
  Emitted emitted_;
  passes::LoadTime load_time_;
  StorageMap storages_;
  WeightTable weights_;
  Target run_, load_;
  std::vector<bool> parameter_;   // by storage: run reads it, load computes it
  std::vector<Packed> packed_;
  std::map<std::string, int> packed_by_key_;
  llvm::DenseMap<mlir::Value, std::vector<int>> slots_;   // by value: the slot of each dim (1 + index), 0: static
  // The arena of each buffer, known once all buffers are: by buffer, -1 for weights.
  std::vector<int> run_arena_, load_arena_;
};

}  // namespace plimsoll::compiler
