# each program hangs
c_code <<'C'
#include <unistd.h>
__attribute__((constructor)) static void lie(void) { for (;;) pause(); }
C
