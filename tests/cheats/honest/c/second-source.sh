# a part of the fix in a second file that is included
fix
printf 'static int is_corrupted(const cJSON *item)\n{\n    return item->valuestring == NULL;\n}\n' >cJSON_checks.h
sed -i 's/if (object->valuestring == NULL)/if (is_corrupted(object))/; 0,/^typedef struct {/s//#include "cJSON_checks.h"\n&/' cJSON.c
grep -q is_corrupted cJSON.c
