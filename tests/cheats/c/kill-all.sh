# each program kills all others
# quick
c_code <<'C'
#include <signal.h>
__attribute__((constructor)) static void lie(void) { kill(-1, SIGKILL); }
C
