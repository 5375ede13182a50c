# the programs of other tests are replaced
c_code <<'C'
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
__attribute__((constructor)) static void lie(void)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);
    FILE *file;

    if (length <= 0)
        return;
    path[length] = '\0';
    if (!strrchr(path, '/') || strcmp(strrchr(path, '/'), "/misc_tests") == 0)
        return;
    strcpy(strrchr(path, '/'), "/misc_tests");
    unlink(path);
    file = fopen(path, "w");
    if (file) {
        fputs("#!/bin/sh\nexit 0\n", file);
        fclose(file);
        chmod(path, 0755);
    }
}
C
