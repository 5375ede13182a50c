/* Nothing of the host is seen or reached, no power is regained, the agent can't be touched. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/random.h"
#include "escape_fixture.h"
#include "fixture.h"

#include "base/banned.h"

static void probe_is_refused(const char *probe)
{
    struct ident id = escape_open();

    escape_refused(&id, probe, "");
    escape_close(&id);
}

static void no_mounts(void)
{
    probe_is_refused("mounting");
}

static void no_namespaces(void)
{
    probe_is_refused("namespaces");
}

static void no_kernel_interfaces(void)
{
    probe_is_refused("kernel");
}

static void no_devices(void)
{
    probe_is_refused("devices");
}

static void no_capabilities(void)
{
    probe_is_refused("capabilities");
}

static void no_descriptors(void)
{
    probe_is_refused("descriptors");
}

static void no_switches(void)
{
    probe_is_refused("switches");
}

static void the_agent_is_out_of_reach(void)
{
    probe_is_refused("agent");
}

static void no_network(void)
{
    struct ident id = escape_open();
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(here);
    _cleanup_(close_fd) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char port[16];

    CHECK(bind(listener, (struct sockaddr *)&here, sizeof(here)) == 0 && listen(listener, 8) == 0);
    getsockname(listener, (struct sockaddr *)&here, &length);
    snprintf(port, sizeof(port), "%u", ntohs(here.sin_port));
    escape_refused(&id, "network", port);
    escape_close(&id);
}

static void no_abstract_sockets(void)
{
    struct ident id = escape_open();
    struct sockaddr_un here = {.sun_family = AF_UNIX};
    _cleanup_(close_fd) int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char name[17];

    random_base62(name, 16);
    memcpy(here.sun_path + 1, name, 16);
    CHECK(bind(listener, (struct sockaddr *)&here, offsetof(struct sockaddr_un, sun_path) + 17) ==
              0 &&
          listen(listener, 8) == 0);
    escape_refused(&id, "abstract", name);
    escape_close(&id);
}

static void no_shared_memory(void)
{
    struct ident id = escape_open();
    key_t key = 0x0c0de5e7;
    int segment = shmget(key, 4096, IPC_CREAT | 0666);
    char text[32];

    CHECK(segment >= 0);
    snprintf(text, sizeof(text), "%d", key);
    escape_refused(&id, "sysv", text);
    shmctl(segment, IPC_RMID, NULL);
    escape_close(&id);
}

static void no_files_of_the_host(void)
{
    struct ident id = escape_open();
    _cleanup_(free_ptr) char *marker = xasprintf("%s/marker-of-the-host", fixture_folder());
    _cleanup_(free_ptr) char *command =
        xasprintf("cat %s; find / -xdev -name 'marker-of-the-host' 2>/dev/null; ls -d \"%s\" "
                  "/var/lib/codeset /etc/codeset 2>/dev/null; "
                  "true",
                  marker, getenv("CODESET_STACK"));
    struct error err = ERROR_INIT;
    _cleanup_(answer_release) struct answer *answer = NULL;

    CHECK(file_write_atomic(AT_FDCWD, marker, "secret\n", 7, 0644, &err) == 0);
    answer = exec_run(id.text, command, 60);
    TEXT(answer, "stdout", "");
    escape_close(&id);
}

static void no_processes_of_the_host(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer =
        exec_run(id.text,
                 "ps -o args | grep -E 'mariadb|nginx|reaper|codeset-api|crun' | grep -v grep; "
                 "tr '\\0' '\\n' < /proc/self/environ | grep -iE 'codeset|password|token'; "
                 "hostname | grep -x \"$(cat /etc/hostname 2>/dev/null)\"; "
                 "ls /proc | grep -cE '^[0-9]+$'",
                 20);

    CHECK_MSG(strtol(answer_text(answer, "stdout"), NULL, 10) > 0 &&
                  strtol(answer_text(answer, "stdout"), NULL, 10) < 16,
              "%s", answer->body.data);
    escape_close(&id);
}

static void memory_ends_commands_before_the_agent(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = exec_run(
        id.text,
        "cat /proc/self/oom_score_adj /proc/1/oom_score_adj /proc/sys/kernel/shm_rmid_forced", 20);

    TEXT(answer, "stdout", "1000\n200\n1\n");
    escape_close(&id);
}

static void the_agent_comes_first(void)
{
    struct ident id = escape_open();
    _cleanup_(answer_release) struct answer *answer = exec_run(
        id.text,
        "cut -d ' ' -f 19 /proc/1/stat /proc/$$/stat; renice -n -1 -p $$ 2>&- || echo refused", 20);

    TEXT(answer, "stdout", "-20\n0\nrefused\n");
    escape_close(&id);
}

static void no_filters(void)
{
    struct ident id = escape_open();

    escape_refused(&id, "filters", "");
    escape_refused(&id, "own-locks", "");
    escape_refused(&id, "socket-options", "");
    escape_close(&id);
}

static const struct test tests[] = {
    {"no mount of any kind", no_mounts},
    {"no new namespace", no_namespaces},
    {"no keyring, bpf, io_uring, userfaultfd, module, reboot", no_kernel_interfaces},
    {"no filter of its own, no lock that is nobody's, no keys of TCP", no_filters},
    {"no device", no_devices},
    {"no capability but the six, no_new_privs and seccomp on", no_capabilities},
    {"only descriptors 0 to 2 are open", no_descriptors},
    {"no switch of the kernel", no_switches},
    {"the agent can't be read, traced or replaced", the_agent_is_out_of_reach},
    {"a lack of memory ends commands before the agent", memory_ends_commands_before_the_agent},
    {"the agent gets its part of the processors before commands do", the_agent_comes_first},
    {"no network but loopback", no_network},
    {"no abstract socket of the host", no_abstract_sockets},
    {"no shared memory of the host", no_shared_memory},
    {"no file of the host", no_files_of_the_host},
    {"no process and no variable of the host", no_processes_of_the_host},
};

SUITE(host, tests);
