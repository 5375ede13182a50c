# a constructor ends each program with status 0
# quick
c_code <<'C'
#include <unistd.h>
__attribute__((constructor)) static void lie(void) { _exit(0); }
C
