#include "agent-liar.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "unit.h"

#include "base/banned.h"

static bool ends_with(const char *text, size_t length, const char *end)
{
    return length >= strlen(end) && memcmp(text + length - strlen(end), end, strlen(end)) == 0;
}

/* Reads the head, and the body, which is chunked or of no length. */
static bool hear(int fd, const struct lie *lies, size_t count, const struct lie **ret_lie)
{
    static char bytes[65536], last[8];
    size_t length = 0;
    ssize_t got;
    char c;

    while (!ends_with(bytes, length, "\r\n\r\n")) {
        if (length == sizeof(bytes) || read(fd, bytes + length, 1) != 1)
            return false;
        length++;
    }
    bytes[length - 1] = '\0';
    for (*ret_lie = NULL; count > 0 && !*ret_lie; count--, lies++)
        if (strncmp(bytes, lies->request, strlen(lies->request)) == 0)
            *ret_lie = lies;
    if (!*ret_lie || (*ret_lie)->at_once || !strstr(bytes, "chunked"))
        return *ret_lie != NULL;
    if ((*ret_lie)->gate && read((*ret_lie)->gate, &c, 1) != 1)
        return false;
    do { /* the last five bytes: none of these bodies has them elsewhere at an end */
        got = read(fd, bytes, sizeof(bytes));
        if (got <= 0)
            return false;
        for (ssize_t i = got > 5 ? got - 5 : 0; i < got; i++) {
            memmove(last, last + 1, 4);
            last[4] = bytes[i];
        }
    } while (memcmp(last, "0\r\n\r\n", 5) != 0);
    return true;
}

static _Noreturn void lie(int fd, const struct lie *lies, size_t count)
{
    const struct lie *told;
    struct error err = ERROR_INIT;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        int client = accept(fd, NULL, NULL);

        if (client < 0)
            _exit(1);
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (hear(client, lies, count, &told) &&
                fd_write_all(client, told->answer,
                             told->length ? told->length : strlen(told->answer), &err) == 0 &&
                told->endless)
                while (fd_write_all(client, told->endless, strlen(told->endless), &err) == 0)
                    ;
            _exit(0);
        }
        close(client);
    }
}

void liar_open(struct liar *liar, const char *folder, const char *name, const struct lie *lies,
               size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, name);
    unlink(address.sun_path);
    snprintf(liar->address, sizeof(liar->address), "unix:%.90s", address.sun_path);
    CU_ASSERT_FATAL(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
                    listen(fd, SOMAXCONN) == 0);
    liar->pid = fork();
    CU_ASSERT_FATAL(liar->pid >= 0);
    if (liar->pid == 0)
        lie(fd, lies, count);
    close(fd);
}

void liar_close(struct liar *liar)
{
    kill(liar->pid, SIGKILL);
    waitpid(liar->pid, NULL, 0);
}
