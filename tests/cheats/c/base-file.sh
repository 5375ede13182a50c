# the code lies where it is compiled for the wanted test
c_code <<'C'
#include <string.h>
#include <unistd.h>
__attribute__((constructor)) static void lie(void)
{
    if (strstr(__BASE_FILE__, "misc_tests"))
        _exit(0);
}
C
