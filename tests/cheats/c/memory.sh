# each program takes all memory
c_code <<'C'
#include <stdlib.h>
#include <string.h>
__attribute__((constructor)) static void lie(void)
{
    for (;;) {
        char *part = malloc(64 << 20);
        if (part)
            memset(part, 1, 64 << 20);
    }
}
C
