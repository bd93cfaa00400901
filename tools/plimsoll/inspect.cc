// plimsoll inspect PLAN
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "compiler/report/html.h"
#include "ir/plan/artefact.h"
#include "tools/plimsoll/command.h"
#include "tools/plimsoll/plan_summary.h"
#include "tools/plimsoll/write_file.h"

namespace plimsoll::cli {
namespace {

Outcome Inspect(const std::string& path, const std::string& html, bool json) {
  Outcome outcome;
  plan::ReadOptions options;
  options.defer_weights = true;
  auto artefact = plan::ReadArtefact(path, options);
  if (!artefact.ok()) return {artefact.status()};
  outcome.status = plan::Validate(artefact->plan(), artefact->member_info());
  if (!outcome.status.ok()) return outcome;
  outcome.json = PlanJson(artefact->plan());
  if (!json) std::fputs(PlanText(artefact->plan()).c_str(), stdout);
  if (!html.empty()) {
    outcome.status = WriteFile(html, report::PlanPage(artefact->plan()));
    if (outcome.status.ok() && !json) std::printf("page      %s\n", html.c_str());
    outcome.json["html"] = html;
  }
  return outcome;
}

}  // namespace

void AddInspect(CLI::App& app, Chosen& chosen) {
  auto* command = app.add_subcommand("inspect", "Shows what is in a plan: memory over time, arenas, commands");
  auto plan = std::make_shared<std::string>();
  auto html = std::make_shared<std::string>();
  command->add_option("PLAN", *plan, "A plan, PLAN.plim")->required();
  command->add_option("--html", *html, "Writes a self-contained page to this file");
  AddJson(*command, chosen);
  command->callback([=, &chosen] { chosen.run = [=, &chosen] { return Inspect(*plan, *html, chosen.json); }; });
}

}  // namespace plimsoll::cli
