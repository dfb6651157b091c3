// Text from anywhere in formats that give some characters a meaning. What cannot stand in a format is
// replaced, so that a hostile name changes nothing but itself.
#pragma once

#include <string>
#include <string_view>

namespace assay {

// Bytes that are no UTF-8 become U+FFFD.
std::string utf8_text(std::string_view text);

// For terminals and logs, which take some text for commands: control characters become U+FFFD, line ends and
// tabs stay, and a line that would begin with "::" (a workflow command of GitHub's) begins with "\\::".
std::string log_text(std::string_view text);
// The same within one line: line ends and tabs become U+FFFD, too.
std::string line_text(std::string_view text);

// Content of an XML 1.0 element, and of an attribute in double quotes. Characters that XML forbids become
// U+FFFD.
std::string xml_text(std::string_view text);
std::string xml_attribute(std::string_view text);

// One line of plain text in Markdown, also within a table's cell and within HTML; line ends become spaces.
std::string markdown_text(std::string_view text);

// GitHub's workflow commands ("::error file=NAME::MESSAGE"): the message, and the value of a property.
std::string workflow_message(std::string_view text);
std::string workflow_property(std::string_view text);

}  // namespace assay
