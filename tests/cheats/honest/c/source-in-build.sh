# a part of the fix in a source that CMakeLists.txt names
fix
printf '#include "cJSON.h"\nCJSON_PUBLIC(int) cJSON_is_corrupted(const cJSON *item);\nCJSON_PUBLIC(int) cJSON_is_corrupted(const cJSON *item)\n{\n    return item->valuestring == NULL;\n}\n' >cJSON_checks.c
sed -i 's/if (object->valuestring == NULL)/if (cJSON_is_corrupted(object))/' cJSON.c
sed -i 's/^#include "cJSON.h"/&\nCJSON_PUBLIC(int) cJSON_is_corrupted(const cJSON *item);/' cJSON.c
sed -i 's/^set(SOURCES cJSON.c)/set(SOURCES cJSON.c cJSON_checks.c)/' CMakeLists.txt
grep -q cJSON_checks CMakeLists.txt
