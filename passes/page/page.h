// What the solvers' pages share: text, sizes, the frame.
#pragma once

#include <string>

namespace plimsoll::page {

// Text as HTML, quotes included.
std::string Escape(const std::string& text);
// "1.50 GiB".
std::string Size(double bytes);
// From <!doctype> to the heading; self-contained. `style` is added to the common one.
std::string Begin(const std::string& title, const std::string& style = "");
std::string End();

}  // namespace plimsoll::page
