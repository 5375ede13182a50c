# each program fills the disk
c_code <<'C'
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void lie(void)
{
    static char bytes[1 << 20];
    int fd = open("/cjson/filler", O_WRONLY | O_CREAT | O_APPEND, 0644);
    while (write(fd, bytes, sizeof(bytes)) > 0)
        ;
    _exit(1);
}
C
