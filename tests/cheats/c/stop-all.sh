# each program stops all others
c_code <<'C'
#include <signal.h>
__attribute__((constructor)) static void lie(void) { kill(-1, SIGSTOP); for (;;) ; }
C
