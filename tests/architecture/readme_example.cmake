# The C++ example in README.md must be docs/example.cpp, word for word, since that is what is compiled and run.
file(READ ${ROOT}/README.md readme)
file(READ ${ROOT}/docs/example.cpp example)
string(FIND "${readme}" "```cpp\n${example}```" at)
if(at EQUAL -1)
  message(FATAL_ERROR "README.md does not show docs/example.cpp as it is; copy it there again.")
endif()
