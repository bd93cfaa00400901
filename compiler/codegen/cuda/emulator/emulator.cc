#include "compiler/codegen/cuda/emulator/emulator.h"

#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/codegen/cuda/emulator/fibers.h"
#include "compiler/codegen/cuda/emulator/intrinsics.h"
#include "compiler/codegen/cuda/emulator/warp_assembly.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"

namespace plimsoll::codegen {
namespace {

constexpr char kEntryPrefix[] = "emulate.entry.", kCallPrefix[] = "emulate.call.";
constexpr unsigned kGlobal = 1, kShared = 3;

absl::Status ToStatus(llvm::Error error) {
  return absl::InternalError("emulator: " + llvm::toString(std::move(error)));
}

// Functions whose code uses a value, through constant expressions too.
void UsedIn(llvm::Value* value, std::set<std::string>& functions) {
  for (llvm::User* user : value->users()) {
    if (auto* instruction = llvm::dyn_cast<llvm::Instruction>(user))
      functions.insert(instruction->getFunction()->getName().str());
    else
      UsedIn(user, functions);
  }
}

// The blocks of inline assembly in which libdevice computes what is wider than a register, low half first; null:
// another one.
llvm::Value* CarriedArithmetic(llvm::IRBuilder<>& b, llvm::CallInst& call, llvm::StringRef text) {
  auto* result = llvm::dyn_cast<llvm::StructType>(call.getType());
  if (!result || result->getNumElements() != 2) return nullptr;
  llvm::Type* half = result->getElementType(0);
  const unsigned bits = half->getIntegerBitWidth();
  llvm::Type* whole = b.getIntNTy(2 * bits);
  auto wide = [&](unsigned i) { return b.CreateZExt(call.getArgOperand(i), whole); };
  auto joined = [&](unsigned i) { return b.CreateOr(wide(i), b.CreateShl(wide(i + 1), bits)); };
  llvm::Value* value = nullptr;
  if (bits == 32 && text.starts_with("mad.lo.cc.u32") && text.count(';') == 2)
    value = b.CreateAdd(b.CreateMul(wide(0), wide(1)), wide(2));
  else if (bits != 64)
    return nullptr;
  else if (text.contains("add.cc.u32      r0, a0, b0"))
    value = b.CreateAdd(joined(0), joined(2));
  else if (text.contains("sub.cc.u32      r0, a0, b0"))
    value = b.CreateSub(joined(0), joined(2));
  else if (text.contains("mad.lo.cc.u32   r0, alo, blo, clo"))
    value = b.CreateAdd(b.CreateMul(wide(0), wide(1)), wide(2));
  else if (text.contains("mul.lo.u32      r0, alo, blo"))
    value = b.CreateMul(wide(0), wide(1));
  if (!value) return nullptr;
  llvm::Value* pair = b.CreateInsertValue(llvm::PoisonValue::get(result), b.CreateTrunc(value, half), 0);
  return b.CreateInsertValue(pair, b.CreateTrunc(b.CreateLShr(value, bits), half), 1);
}

}  // namespace

struct EmulatedCuda::State {
  struct Shared {
    std::string name;
    int64_t bytes = 0;
    char* memory = nullptr;
  };
  struct Entry {
    void (*run)(void* const*) = nullptr;
    bool synchronizes = false;
    std::vector<Shared> shared;
  };
  std::unique_ptr<llvm::orc::LLJIT> jit;
  std::map<std::string, Entry> entries;
  Block block;
  bool counts = false;
  TrafficCounter counter;
  int sites = 0;  // of accesses, numbered

  absl::Status Add(const std::string& bitcode, int& barriers, int without);
  // Accesses to global and shared memory tell their addresses to `report`.
  void Instrument(llvm::Module& module, llvm::FunctionCallee report);
};

void EmulatedCuda::State::Instrument(llvm::Module& module, llvm::FunctionCallee report) {
  llvm::IRBuilder<> b(module.getContext());
  for (llvm::Function& function : module)
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      llvm::Value* pointer = llvm::getLoadStorePointerOperand(&instruction);
      if (pointer == nullptr) continue;
      const unsigned space = pointer->getType()->getPointerAddressSpace();
      if (space != kGlobal && space != kShared) continue;
      b.SetInsertPoint(&instruction);
      const uint64_t bytes = module.getDataLayout().getTypeStoreSize(llvm::getLoadStoreType(&instruction));
      b.CreateCall(report, {b.getInt32(sites++), b.getInt32(space == kShared),
                            b.CreateAddrSpaceCast(pointer, b.getPtrTy()), b.getInt32(static_cast<uint32_t>(bytes))});
    }
}

absl::Status EmulatedCuda::State::Add(const std::string& bitcode, int& barriers, int without) {
  auto context = std::make_unique<llvm::LLVMContext>();
  auto parsed = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bitcode, "kernels"), *context);
  if (!parsed) return ToStatus(parsed.takeError());
  std::unique_ptr<llvm::Module> module = std::move(*parsed);
  module->setTargetTriple(jit->getTargetTriple().str());
  module->setDataLayout(jit->getDataLayout());
  llvm::IRBuilder<> b(*context);

  // Entries, before their names are taken from the annotations.
  std::vector<llvm::Function*> kernels;
  std::map<std::string, Entry> found;
  if (llvm::NamedMDNode* annotations = module->getNamedMetadata("nvvm.annotations")) {
    for (llvm::MDNode* node : annotations->operands()) {
      auto* name = llvm::dyn_cast<llvm::MDString>(node->getOperand(1));
      auto* function = llvm::mdconst::dyn_extract_or_null<llvm::Function>(node->getOperand(0));
      if (function && name && name->getString() == "kernel") kernels.push_back(function);
    }
    module->eraseNamedMetadata(annotations);
  }
  for (llvm::Function* kernel : kernels) found[kernel->getName().str()];

  for (llvm::GlobalVariable& global : module->globals()) {
    if (global.getAddressSpace() != kShared) continue;
    global.setLinkage(llvm::GlobalValue::ExternalLinkage);
    global.setInitializer(llvm::Constant::getNullValue(global.getValueType()));
    std::set<std::string> users;
    UsedIn(&global, users);
    for (const std::string& user : users)
      if (auto it = found.find(user); it != found.end())
        it->second.shared.push_back(
            {global.getName().str(),
             static_cast<int64_t>(module->getDataLayout().getTypeAllocSize(global.getValueType()))});
  }

  const std::map<std::string, void*> registers = {{"read.ptx.sreg.tid.x", &emulated_thread.thread},
                                                  {"read.ptx.sreg.ctaid.x", &emulated_thread.block},
                                                  {"read.ptx.sreg.ntid.x", &emulated_thread.threads},
                                                  {"read.ptx.sreg.nctaid.x", &emulated_thread.blocks}};
  std::vector<llvm::CallInst*> calls;
  for (llvm::Function& function : *module)
    for (llvm::Instruction& instruction : llvm::instructions(function))
      if (auto* call = llvm::dyn_cast<llvm::CallInst>(&instruction)) calls.push_back(call);
  llvm::orc::SymbolMap symbols;
  std::set<std::string> unknown;
  auto host = [&](const std::string& name, void* address, llvm::FunctionType* type) {
    const std::string symbol = kCallPrefix + name;
    symbols[jit->mangleAndIntern(symbol)] = {llvm::orc::ExecutorAddr::fromPtr(address), llvm::JITSymbolFlags::Exported};
    return module->getOrInsertFunction(symbol, type);
  };
  if (counts) {
    auto* type =
        llvm::FunctionType::get(b.getVoidTy(), {b.getInt32Ty(), b.getInt32Ty(), b.getPtrTy(), b.getInt32Ty()}, false);
    Instrument(*module, host("access", reinterpret_cast<void*>(EmulatedAccess), type));
  }
  for (llvm::CallInst* call : calls) {
    b.SetInsertPoint(call);
    if (auto* assembly = llvm::dyn_cast<llvm::InlineAsm>(call->getCalledOperand())) {
      // libdevice's: one instruction, or arithmetic with carries.
      llvm::StringRef text = llvm::StringRef(assembly->getAsmString()).ltrim("{\n\t ");
      std::string name = text.take_until([](char c) { return c == ' '; }).str();
      if (const size_t at = name.find(".ftz"); at != std::string::npos) name.erase(at, 4);
      if (name == kWaitForCopies && barriers++ == without) {
        call->eraseFromParent();
      } else if (ReplaceWarpAssembly(b, *call, name, host)) {
        found[call->getFunction()->getName().str()].synchronizes = true;
        call->eraseFromParent();
      } else if (llvm::Value* pair = CarriedArithmetic(b, *call, text)) {
        call->replaceAllUsesWith(pair);
        call->eraseFromParent();
      } else if (auto known = HostIntrinsics().find(name); known != HostIntrinsics().end()) {
        auto callee = host(name, known->second, call->getFunctionType());
        call->setCalledOperand(callee.getCallee());
        call->setAttributes({});
      } else {
        unknown.insert("inline assembly " + text.str());
      }
      continue;
    }
    llvm::Function* callee = call->getCalledFunction();
    llvm::StringRef rest = callee ? callee->getName() : "";
    if (!rest.consume_front("llvm.nvvm.")) continue;
    std::string name = rest.str();
    if (const size_t at = name.find(".ftz"); at != std::string::npos) name.erase(at, 4);
    if (auto it = registers.find(name); it != registers.end()) {
      llvm::Value* place = b.CreateIntToPtr(b.getInt64(reinterpret_cast<uint64_t>(it->second)), b.getPtrTy());
      call->replaceAllUsesWith(b.CreateLoad(b.getInt32Ty(), place, /*isVolatile=*/true));
      call->eraseFromParent();
    } else if (name == "shfl.sync.bfly.i32") {
      auto* type = llvm::FunctionType::get(b.getInt32Ty(), {b.getInt32Ty(), b.getInt32Ty()}, false);
      call->replaceAllUsesWith(b.CreateCall(host(name, reinterpret_cast<void*>(EmulatedShuffle), type),
                                            {call->getArgOperand(1), call->getArgOperand(2)}));
      found[call->getFunction()->getName().str()].synchronizes = true;
      call->eraseFromParent();
    } else if (name == "f2bf16.rn") {  // computed as bits: the host's calls do not agree on how a bfloat is returned
      auto* type = llvm::FunctionType::get(b.getInt32Ty(), {b.getFloatTy()}, false);
      llvm::Value* bits = b.CreateCall(host(name, HostIntrinsics().at(name), type), {call->getArgOperand(0)});
      call->replaceAllUsesWith(b.CreateBitCast(b.CreateTrunc(bits, b.getInt16Ty()), call->getType()));
      call->eraseFromParent();
    } else if (auto known = HostIntrinsics().find(name); known != HostIntrinsics().end()) {
      if (name == "barrier0") {
        if (barriers++ == without) {
          call->eraseFromParent();
          continue;
        }
        found[call->getFunction()->getName().str()].synchronizes = true;
      }
      call->setCalledFunction(host(name, known->second, callee->getFunctionType()));
      call->setAttributes({});
    } else {
      unknown.insert(name);
    }
  }
  if (!unknown.empty()) return absl::UnimplementedError("the emulator does not know " + absl::StrJoin(unknown, ", "));

  // entry(void** p) calls kernel(p[0], p[1], ...).
  for (llvm::Function* kernel : kernels) {
    auto* entry = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), {b.getPtrTy()}, false),
                                         llvm::Function::ExternalLinkage, kEntryPrefix + kernel->getName(), *module);
    b.SetInsertPoint(llvm::BasicBlock::Create(*context, "", entry));
    std::vector<llvm::Value*> arguments;
    for (llvm::Argument& argument : kernel->args())
      arguments.push_back(
          b.CreateLoad(argument.getType(), b.CreateConstGEP1_32(b.getPtrTy(), entry->getArg(0), argument.getArgNo())));
    b.CreateCall(kernel, arguments);
    b.CreateRetVoid();
  }
  for (llvm::Function& function : *module) {
    function.setCallingConv(llvm::CallingConv::C);
    function.removeFnAttr("target-cpu");
    function.removeFnAttr("target-features");
  }
  // Several modules may call the same.
  for (auto it = symbols.begin(); it != symbols.end();) {
    llvm::orc::SymbolMap one{{it->first, it->second}};
    if (llvm::Error error = jit->getMainJITDylib().define(llvm::orc::absoluteSymbols(one)))
      llvm::consumeError(std::move(error));
    ++it;
  }
  if (llvm::Error error = jit->addIRModule({std::move(module), std::move(context)})) return ToStatus(std::move(error));
  for (auto& [name, entry] : found) entries[name] = std::move(entry);
  return absl::OkStatus();
}

EmulatedCuda::EmulatedCuda(std::unique_ptr<State> state) : state_(std::move(state)) {}
EmulatedCuda::~EmulatedCuda() = default;

absl::StatusOr<std::unique_ptr<EmulatedCuda>> EmulatedCuda::Load(const std::vector<std::string>& bitcode) {
  return Load(bitcode, -1, false);
}
absl::StatusOr<std::unique_ptr<EmulatedCuda>> EmulatedCuda::LoadCounting(const std::vector<std::string>& bitcode) {
  return Load(bitcode, -1, true);
}
absl::StatusOr<std::unique_ptr<EmulatedCuda>> EmulatedCuda::LoadWithoutBarrier(const std::vector<std::string>& bitcode,
                                                                               int number) {
  return Load(bitcode, number, false);
}
const MemoryTraffic& EmulatedCuda::traffic() const { return state_->counter.traffic(); }

absl::StatusOr<std::unique_ptr<EmulatedCuda>> EmulatedCuda::Load(const std::vector<std::string>& bitcode, int number,
                                                                 bool counts) {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto host = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!host) return ToStatus(host.takeError());
  host->setCodeGenOptLevel(llvm::CodeGenOptLevel::Less);
  host->getOptions().AllowFPOpFusion = llvm::FPOpFusion::Fast;
  auto jit = llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(std::move(*host)).create();
  if (!jit) return ToStatus(jit.takeError());
  auto state = std::make_unique<State>();
  state->jit = std::move(*jit);
  state->counts = counts;
  int barriers = 0;
  for (const std::string& unit : bitcode)
    if (absl::Status added = state->Add(unit, barriers, number); !added.ok()) return added;
  if (number >= barriers) return absl::OutOfRangeError(absl::StrCat("there are ", barriers, " barriers"));
  return std::unique_ptr<EmulatedCuda>(new EmulatedCuda(std::move(state)));
}

absl::Status EmulatedCuda::Launch(const std::string& symbol, int64_t blocks, int threads,
                                  const std::vector<void*>& buffers, uint64_t seed) {
  const auto it = state_->entries.find(symbol);
  if (it == state_->entries.end()) return absl::NotFoundError("no entry " + symbol);
  State::Entry& entry = it->second;
  if (!entry.run) {  // compiled when first launched
    auto address = state_->jit->lookup(kEntryPrefix + symbol);
    if (!address) return ToStatus(address.takeError());
    entry.run = address->toPtr<void (*)(void* const*)>();
    for (State::Shared& shared : entry.shared) {
      auto memory = state_->jit->lookup(shared.name);
      if (!memory) return ToStatus(memory.takeError());
      shared.memory = memory->toPtr<char*>();
    }
  }
  std::mt19937_64 random(seed);
  std::vector<int64_t> order(blocks);
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), random);
  const std::function<void()> body = [&] { entry.run(buffers.data()); };
  traffic_counter = state_->counts ? &state_->counter : nullptr;
  for (int64_t block : order) {
    for (const State::Shared& shared : entry.shared)
      std::memset(shared.memory, static_cast<int>(random() % 255) + 1, shared.bytes);
    const std::string error =
        state_->block.Run(static_cast<int>(block), static_cast<int>(blocks), threads, entry.synchronizes, body, random);
    if (!error.empty()) return absl::InternalError(absl::StrCat(symbol, ", block ", block, ": ", error));
    state_->counter.EndBlock();
  }
  return absl::OkStatus();
}

}  // namespace plimsoll::codegen
