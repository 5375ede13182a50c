/*
 * out COMMAND... - leaves the root that chroot(2) gave, as whoever may call it can, and runs the
 * command there, in the outer root. Where it cannot, that is a failure.
 */
#include <sys/stat.h>
#include <unistd.h>

#define STEPS 64

int main(int argc, char *argv[])
{
    if (argc < 2 || mkdir("/.out", 0700) < 0 || chdir("/") < 0 || chroot("/.out") < 0)
        return 125;
    /* Above the new root now, so that it stops no way up. */
    for (int i = 0; i < STEPS; i++)
        if (chdir("..") < 0)
            return 125;
    if (chroot(".") < 0)
        return 125;
    execvp(argv[1], argv + 1);
    return 126;
}
