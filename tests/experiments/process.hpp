// Runs one of our programs as a user would, and keeps what it said.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace tests {

struct ProcessResult {
  int status;          // the exit status; 128 + n if signal n ended it
  std::string output;  // standard output and standard error together
};

// `command` is for the shell; {bin} stands for the folder of the programs.
inline ProcessResult run_process(std::string command) {
  for (std::size_t at = command.find("{bin}"); at != std::string::npos; at = command.find("{bin}"))
    command.replace(at, 5, TANGENT_BIN_DIR);
  ProcessResult result{0, {}};
  std::FILE* pipe = popen((command + " 2>&1 </dev/null").c_str(), "r");
  std::array<char, 4096> buffer{};
  for (std::size_t count; (count = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    result.output.append(buffer.data(), count);
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace tests
