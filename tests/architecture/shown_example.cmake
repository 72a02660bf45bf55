# A program that a page shows must be the one that is compiled and run, word for word.
file(READ ${ROOT}/${PAGE} page)
file(READ ${ROOT}/${PROGRAM} program)
string(FIND "${page}" "```cpp\n${program}```" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${PAGE} does not show ${PROGRAM} as it is; copy it there again.")
endif()
