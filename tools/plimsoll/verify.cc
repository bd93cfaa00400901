// plimsoll verify PLAN
#include <cstdio>

#include "ir/plan/artefact.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/text.h"

namespace plimsoll::cli {
namespace {

Outcome Verify(const std::string& path, bool weights, const std::string& directory, bool json) {
  Outcome outcome;
  auto artefact = plan::ReadArtefact(path);
  if (!artefact.ok()) return {artefact.status()};
  outcome.json["plan"] = path;
  Json violations = Json::array();
  for (const plan::Violation& violation : plan::FindViolations(artefact->plan(), artefact->member_info())) {
    violations.push_back({{"constraint", "P" + std::to_string(violation.constraint)}, {"message", violation.message}});
  }
  outcome.json["violations"] = violations;
  outcome.status = plan::Validate(artefact->plan(), artefact->member_info());
  if (outcome.status.ok() && weights) {
    auto store = plan::OpenWeights(*artefact, directory);
    outcome.status = store.ok() ? plan::CheckWeights(artefact->plan(), **store) : store.status();
  }
  outcome.json["valid"] = outcome.status.ok();
  if (outcome.status.ok() && !json) {
    std::printf("%s: holds [P1]..[P8]; peak %s%s\n", path.c_str(),
                FormatBytes(artefact->plan().certificate().peak_bytes()).c_str(), weights ? "; every weight is there and matches" : "");
  }
  return outcome;
}

}  // namespace

void AddVerify(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("verify", "Checks a plan independently of the compiler, constraints [P1]..[P8]");
  auto plan = std::make_shared<std::string>();
  auto weights = std::make_shared<bool>(false);
  auto directory = std::make_shared<std::string>();
  command->add_option("PLAN", *plan, "A plan, PLAN.plim")->required();
  command->add_flag("--weights", *weights, "Also reads every weight and compares its checksum");
  command->add_option("--weights-dir", *directory, "Where external weight files are (default: beside the plan)");
  AddJson(*command, chosen);
  command->callback([=, &chosen] { chosen.run = [=, &chosen] { return Verify(*plan, *weights, *directory, chosen.json); }; });
}

}  // namespace plimsoll::cli
