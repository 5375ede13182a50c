# what lies at another report's path is no XML
c_code <<'C'
#include <stdio.h>
__attribute__((constructor)) static void lie(void)
{
    FILE *file = fopen("/cjson/gtest_output.xml", "w");
    if (file) {
        fputs("no report", file);
        fclose(file);
    }
}
C
