#include "routes/doorbell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

#include "base/banned.h"

void doorbell_release(struct doorbell *bell)
{
    close_fd(&bell->fd);
}

static int send_to(const struct doorbell *bell, const char *text, size_t length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(bell->path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", bell->path);
    return sendto(bell->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (const struct sockaddr *)&address, sizeof(address)) < 0
               ? -1
               : 0;
}

void doorbell_ring(struct doorbell *bell, enum work_kind kind, const struct id *id)
{
    char text[DOORBELL_SIZE];
    size_t length = doorbell_write(kind, id, text);

    if (bell->fd < 0)
        bell->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bell->fd < 0 || send_to(bell, text, length) < 0)
        log_event(LOG_DEBUG, "doorbell_unheard", "reason=\"%s\"", strerror(errno));
}
