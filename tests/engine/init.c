/*
 * init.c - a pid 1 for the tests of the engine: runs what it is told on the inherited socket.
 *
 * A connection carries a shell command, up to the end of input; its outputs go back as they come,
 * and "[N]" behind them, N being the exit status (128 and the signal where one ended it).
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/process.h"

#include "base/banned.h"

#define LISTEN_FD 3

static void serve(int connection)
{
    char command[65536];
    size_t length = 0;
    ssize_t got;
    int status = 0;
    pid_t pid;

    while ((got = read(connection, command + length, sizeof(command) - 1 - length)) > 0)
        length += (size_t)got;
    command[length] = '\0';
    if (length == 0) {
        dprintf(connection, "[0]");
        return;
    }
    pid = fork();
    if (pid == 0) {
        signal(SIGCHLD, SIG_DFL);
        dup2(connection, 1);
        dup2(connection, 2);
        close(connection);
        if (process_drop_capability() < 0)
            _exit(126);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        dprintf(connection, "cannot fork[255]");
        return;
    }
    dprintf(connection, "[%d]", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

int main(void)
{
    signal(SIGCHLD, SIG_IGN); /* nobody has to wait for those who serve */
    close(0);
    close(1);
    close(2);
    for (;;) {
        struct pollfd readable = {.fd = LISTEN_FD, .events = POLLIN};
        int connection;

        poll(&readable, 1, -1);
        connection = accept(LISTEN_FD, NULL, NULL);
        if (connection < 0)
            continue;
        if (fork() == 0) {
            close(LISTEN_FD);
            signal(SIGCHLD, SIG_DFL);
            serve(connection);
            _exit(0);
        }
        close(connection);
    }
}
