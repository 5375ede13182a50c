# a part of the fix in a folder of its own, with a CMakeLists.txt and a library
fix
mkdir checks
printf '#include "../cJSON.h"\nint cJSON_is_corrupted(const cJSON *item);\nint cJSON_is_corrupted(const cJSON *item)\n{\n    return item->valuestring == NULL;\n}\n' >checks/checks.c
printf 'add_library(checks STATIC checks.c)\nset_target_properties(checks PROPERTIES POSITION_INDEPENDENT_CODE ON)\n' >checks/CMakeLists.txt
sed -i 's/if (object->valuestring == NULL)/if (cJSON_is_corrupted(object))/' cJSON.c
sed -i 's/^#include "cJSON.h"/&\nint cJSON_is_corrupted(const cJSON *item);/' cJSON.c
sed -i 's/^#cJSON$/add_subdirectory(checks)\n&/; s/^    target_link_libraries("${CJSON_LIB}" m)/    target_link_libraries("${CJSON_LIB}" m checks)/' CMakeLists.txt
grep -q 'm checks' CMakeLists.txt
