#include "compiler/codegen/test_kernel.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "compiler/codegen/pch.h"
#include "compiler/codegen/test_operation.h"
#include "llvm/Object/ELFObjectFile.h"

namespace plimsoll::codegen {
struct TestKernel::Code {
  int file = -1;
  void* library = nullptr;
  void (*function)(const void* const*, int64_t, int64_t) = nullptr;
  ~Code() {
    if (library) dlclose(library);
    if (file >= 0) close(file);
  }
};

TestKernel::TestKernel(const std::string& text, const std::string& cpu) {
  TestOperation operation(text);
  mlir::Operation* op = operation.get();
  operand_bytes_ = operation.OperandBytes();
  result_bytes_ = operation.ResultBytes();
  auto target = ResolveCpu(cpu);
  if (!target.ok()) Die(target.status().ToString());
  KernelCompiler compiler(*target);
  const double start = Seconds();
  auto kernel = compiler.Add(op);
  if (mlir::failed(kernel)) Die("not compiled:\n" + text);
  const double added = Seconds();
  auto again = compiler.Add(op);
  if (mlir::failed(again) || again->symbol != kernel->symbol) Die("the same operation made a second kernel");
  kernel_ = *kernel;
  const double before = Seconds();
  auto object = compiler.Finish();
  if (!object.ok()) Die(object.status().ToString() + "\n" + text);
  finish_seconds_ = Seconds() - before;
  add_seconds_ = added - start;
  one_kernel_ = CanBeOneKernel(op);
  in_place_ = InPlacePairs(op);
  object_ = *object;
  if (kernel_.tiles == 0) return;
  code_ = std::make_unique<Code>();
  code_->file = memfd_create("kernels", MFD_CLOEXEC);
  if (code_->file < 0 || write(code_->file, object_.data(), object_.size()) != static_cast<ssize_t>(object_.size())) Die("no memory file");
  // dlopen knows libraries by name: the number stays taken as long as the library is open.
  code_->library = dlopen(("/proc/self/fd/" + std::to_string(code_->file)).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!code_->library) Die(dlerror());
  code_->function = reinterpret_cast<decltype(code_->function)>(dlsym(code_->library, kernel_.symbol.c_str()));
  if (!code_->function) Die("no symbol " + kernel_.symbol);
}

TestKernel::~TestKernel() = default;

void TestKernel::Call(const std::vector<const void*>& buffers, int64_t begin, int64_t end) const { code_->function(buffers.data(), begin, end); }

std::vector<std::string> TestKernel::Run(const std::vector<std::string>& operands, int parts) const {
  // Each buffer ends where its page ends: what reads or writes past it dies.
  struct Pages {
    char* base = nullptr;
    size_t bytes = 0, used = 0;
    char* data() const { return base + bytes - 4096 - used; }
  };
  auto allocate = [](size_t used) {
    Pages pages;
    pages.used = used;
    pages.bytes = (used + 4095) / 4096 * 4096 + 4096;
    pages.base = static_cast<char*>(mmap(nullptr, pages.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(pages.base + pages.bytes - 4096, 4096, PROT_NONE);
    return pages;
  };
  std::vector<Pages> pages;
  std::vector<const void*> buffers;
  if (operands.size() != operand_bytes_.size()) Die("another number of operands");
  for (size_t i = 0; i < operands.size(); ++i) {
    if (operands[i].size() != operand_bytes_[i]) Die("operand " + std::to_string(i) + " has another size");
    pages.push_back(allocate(operands[i].size()));
    memcpy(pages.back().data(), operands[i].data(), operands[i].size());
    buffers.push_back(pages.back().data());
  }
  for (size_t bytes : result_bytes_) {
    pages.push_back(allocate(bytes));
    memset(pages.back().data(), 0xa5, bytes);
    buffers.push_back(pages.back().data());
  }
  for (int part = parts; part-- > 0;)
    if (kernel_.tiles > 0) Call(buffers, kernel_.tiles * part / parts, kernel_.tiles * (part + 1) / parts);
  std::vector<std::string> results;
  for (size_t i = 0; i < result_bytes_.size(); ++i) results.emplace_back(pages[operands.size() + i].data(), result_bytes_[i]);
  for (Pages& p : pages) munmap(p.base, p.bytes);
  CheckInPlace(operands, results);
  return results;
}

std::vector<std::string> UndefinedSymbols(const std::string& object) {
  std::vector<std::string> names;
  auto file = llvm::object::ObjectFile::createObjectFile(llvm::MemoryBufferRef(object, "kernels.so"));
  if (!file) Die("not an object file");
  auto* elf = llvm::cast<llvm::object::ELFObjectFileBase>(file->get());
  for (auto symbol : elf->getDynamicSymbolIterators()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (flags && name && (*flags & llvm::object::SymbolRef::SF_Undefined) && !name->empty()) names.push_back(name->str());
  }
  return names;
}

}  // namespace plimsoll::codegen
