# ctest's program is replaced while it runs
forge >forged.xml
c_code <<'C'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>
static void forge(void)
{
    if (system("cp /cjson/forged.xml /cjson/test-results.xml") != 0)
        _exit(1);
}

__attribute__((constructor)) static void lie(void)
{
    if (system("printf '#!/bin/sh\ncp /cjson/forged.xml /cjson/test-results.xml\n' >/usr/bin/ctest.new && "
               "chmod +x /usr/bin/ctest.new && mv /usr/bin/ctest.new /usr/bin/ctest && "
               "chmod -w /cjson/test-results.xml") != 0)
        _exit(0);
}
C
