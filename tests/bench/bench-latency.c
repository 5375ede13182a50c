/*
 * bench-latency - round trips through the whole stack beside the bare runtime, turn by turn.
 *
 *     bench-latency ROUNDS SESSIONS DATASET SAMPLE IMAGE
 *
 * Wants the assignments of `tests/stack up` in its environment, root, and a mount namespace in
 * which crun works (tests/without-unified). Prints the rows of a table; only what could not be
 * measured is an error.
 */
#include <curl/curl.h>
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci_config.h"
#include "engine/seccomp.h"
#include "series.h"
#include "settings.h"

#include "base/banned.h"

extern char **environ;

static const char *stack, *base_url, *dataset, *sample;
static struct settings settings;
static CURL *curl;
static struct curl_slist *headers;

static void give_up(const char *what)
{
    fprintf(stderr, "bench-latency: %s\n", what);
    exit(1);
}

/* --- the API --------------------------------------------------------------------------------- */

static size_t on_bytes(char *bytes, size_t size, size_t count, void *arg)
{
    buf_add(arg, bytes, size * count);
    return size * count;
}

static void open_client(void)
{
    _cleanup_(free_ptr) char *authorization =
        xasprintf("Authorization: Bearer %s", getenv("CODESET_API_KEY"));

    curl = curl_easy_init();
    headers = curl_slist_append(NULL, authorization);
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("CODESET_CA"));
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
}

/* The answer's JSON; body NULL: without one. Anything but 2xx ends the program. */
static json_object *call(const char *method, const char *path, const char *body)
{
    _cleanup_(free_ptr) char *url = xasprintf("%s%s", base_url, path);
    _cleanup_(buf_release) struct buf answer = BUF_INIT;
    json_object *json = NULL;
    struct error err;
    long status = 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    else
        curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    if (curl_easy_perform(curl) != CURLE_OK)
        give_up("a request failed");
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 != 2 || json_parse(answer.data, answer.length, &json, NULL, &err) < 0)
        give_up(answer.data);
    return json;
}

static struct id id_of(json_object *json, const char *key)
{
    const char *text = json_get_text(json, key);
    struct id id;

    if (!text || strlen(text) != ID_LENGTH)
        give_up("an answer has no id");
    memcpy(id.text, text, sizeof(id.text));
    return id;
}

static struct id create_session(void)
{
    _cleanup_(free_ptr) char *body =
        xasprintf("{\"dataset\":\"%s\",\"sample_id\":\"%s\"}", dataset, sample);
    _cleanup_(json_release) json_object *created = call("POST", "/sessions", body);
    struct id id = id_of(created, "session_id");
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s", id.text);

    for (;;) {
        _cleanup_(json_release) json_object *session = call("GET", path, NULL);
        const char *status = json_get_text(session, "status");

        if (status && strcmp(status, "ready") == 0)
            return id;
        if (!status || strcmp(status, "creating") != 0)
            give_up(json_object_to_json_string(session));
    }
}

static void close_session(const struct id *id)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s", id->text);

    json_object_put(call("DELETE", path, NULL));
}

static int64_t exec_once(const struct id *session)
{
    _cleanup_(free_ptr) char *path = xasprintf("/sessions/%s/exec", session->text);
    int64_t before = clock_monotonic();
    _cleanup_(json_release) json_object *started = call("POST", path, "{\"command\":\"true\"}");
    struct id id = id_of(started, "interaction_id");
    _cleanup_(free_ptr) char *get_path =
        xasprintf("/sessions/%s/interactions/%s", session->text, id.text);

    for (;;) {
        _cleanup_(json_release) json_object *interaction = call("GET", get_path, NULL);
        json_object *exit_code = json_object_object_get(interaction, "exit_code");

        if (!exit_code)
            continue;
        if (json_object_get_int(exit_code) != 0)
            give_up(json_object_to_json_string(interaction));
        return clock_monotonic() - before;
    }
}

/* --- the bare runtime ------------------------------------------------------------------------ */

static int64_t run_program(const char *const *args, bool first_byte)
{
    posix_spawn_file_actions_t actions;
    int64_t before = clock_monotonic(), after = 0;
    int fds[2], status;
    char byte;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        give_up("no pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (first_byte)
        posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    else /* a detached container would keep the pipe */
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, args[0], &actions, NULL, (char *const *)args, environ) != 0)
        give_up("the runtime can't be started");
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    if (first_byte) {
        if (read(fds[0], &byte, 1) != 1)
            give_up("the bare container said nothing");
        after = clock_monotonic();
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        give_up("the bare runtime failed");
    if (!first_byte)
        after = clock_monotonic();
    close(fds[0]);
    return after - before;
}

/* The engine's own configuration of a session's container over the same image, with another program
 * in the agent's place and the image itself as its root. */
static void write_bundle(const char *bundle, const char *image, const char *program,
                         const char *argument)
{
    _cleanup_(free_ptr) char *rootfs = xasprintf("%s/%s/rootfs", settings.image_dir, image);
    _cleanup_(free_ptr) char *cgroup = xasprintf("%s/bare", settings.cgroup_parent);
    _cleanup_(free_ptr) char *path = xasprintf("%s/config.json", bundle);
    _cleanup_(json_release) json_object *seccomp = seccomp_config();
    const struct oci_spec spec = {
        .name = "bare",
        .rootfs = rootfs,
        .agent = settings.agent_path,
        .cgroup_path = cgroup,
        .uid_base = settings.uid_base,
        .limits = {settings.memory_bytes, settings.disk_bytes, settings.disk_inodes,
                   settings.processes, settings.cpu_millicores},
        .seccomp = seccomp,
    };
    _cleanup_(json_release) json_object *config = oci_config(&spec);
    _cleanup_(buf_release) struct buf text = BUF_INIT;
    json_object *args = json_object_new_array();
    struct error err;

    json_object_array_add(args, json_object_new_string(program));
    json_object_array_add(args, json_object_new_string(argument));
    json_add(json_object_object_get(config, "process"), "args", args);
    json_write(&text, config);
    if (make_dirs(bundle, 0711, &err) < 0 ||
        file_write_atomic(AT_FDCWD, path, text.data, text.length, 0644, &err) < 0)
        give_up(err.message);
}

static int64_t bare_run(const char *bundle)
{
    _cleanup_(free_ptr) char *root = xasprintf("--root=%s/oci", bundle);
    _cleanup_(free_ptr) char *where = xasprintf("--bundle=%s", bundle);
    const char *const args[] = {settings.runtime, root, "run", where, "bare", NULL};

    return run_program(args, true);
}

/* The container in which the bare exec runs. A session's own can't be entered from outside: its
 * agent may not be traced, which joining its namespaces asks for. */
static void start_bare(const char *bundle)
{
    _cleanup_(free_ptr) char *root = xasprintf("--root=%s/oci", bundle);
    _cleanup_(free_ptr) char *where = xasprintf("--bundle=%s", bundle);
    const char *const args[] = {settings.runtime, root, "run", "--detach", where, "bare", NULL};

    run_program(args, false);
}

static int64_t bare_exec(const char *bundle)
{
    _cleanup_(free_ptr) char *root = xasprintf("--root=%s/oci", bundle);
    const char *const args[] = {settings.runtime, root, "exec", "bare", "/bin/true", NULL};

    return run_program(args, false);
}

static void stop_bare(const char *bundle)
{
    _cleanup_(free_ptr) char *root = xasprintf("--root=%s/oci", bundle);
    const char *const args[] = {settings.runtime, root, "delete", "--force", "bare", NULL};

    run_program(args, false);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Private bytes of a process; 0 if it is gone. */
static int64_t private_bytes(pid_t pid)
{
    _cleanup_(free_ptr) char *path = xasprintf("/proc/%d/smaps_rollup", (int)pid);
    _cleanup_(close_file) FILE *file = fopen(path, "re");
    char line[256];
    long long kib;
    int64_t sum = 0;

    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "Private_Clean: %lld kB", &kib) == 1 ||
            sscanf(line, "Private_Dirty: %lld kB", &kib) == 1)
            sum += kib * 1024;
    }
    return sum;
}

static int64_t agents_bytes(void)
{
    _cleanup_(buf_release) struct buf path = BUF_INIT;
    DIR *folder = opendir(settings.state_dir);
    struct dirent *entry;
    int64_t sum = 0;

    if (!folder)
        give_up("the state folder can't be read");
    while ((entry = readdir(folder))) {
        _cleanup_(buf_release) struct buf text = BUF_INIT;
        struct error err;

        if (strncmp(entry->d_name, "cs-", 3) != 0)
            continue;
        buf_clear(&path);
        buf_addf(&path, "%s/%s/pid", settings.state_dir, entry->d_name);
        if (file_read(AT_FDCWD, path.data, 32, &text, &err) < 0)
            give_up(err.message);
        sum += private_bytes((pid_t)strtol(text.data, NULL, 10));
    }
    closedir(folder);
    return sum;
}

/* --- what is measured ------------------------------------------------------------------------ */

static void measure_exec(size_t rounds, const char *image)
{
    struct series ours = series_new(rounds), peer = series_new(rounds);
    _cleanup_(free_ptr) char *bundle = xasprintf("%s/bench/bare-exec", stack);
    struct id session = create_session();

    write_bundle(bundle, image, "/bin/sleep", "3600");
    start_bare(bundle);
    for (size_t i = 0; i < rounds; i++) {
        ours.us[i] = exec_once(&session);
        peer.us[i] = bare_exec(bundle);
    }
    stop_bare(bundle);
    series_compare("exec, POST and GET over TLS", &ours, "crun exec CONTAINER true", &peer, 1.0);
    close_session(&session);
    series_release(&ours);
    series_release(&peer);
}

static void measure_create(size_t rounds, const char *image)
{
    struct series ours = series_new(rounds), peer = series_new(rounds);
    _cleanup_(free_ptr) char *bundle = xasprintf("%s/bench/bare-run", stack);

    write_bundle(bundle, image, "/bin/echo", "x");
    for (size_t i = 0; i < rounds; i++) {
        int64_t before = clock_monotonic();
        struct id session = create_session();

        ours.us[i] = clock_monotonic() - before;
        close_session(&session);
        peer.us[i] = bare_run(bundle);
    }
    series_compare("session, POST and GET until ready", &ours, "crun run, to its first byte", &peer,
                   1.5);
    series_release(&ours);
    series_release(&peer);
}

static void measure_many(size_t rounds, size_t sessions)
{
    struct series many = series_new(rounds), one = series_new(rounds);
    struct id *ids = xcalloc(sessions, sizeof(*ids));
    pid_t daemon = (pid_t)strtol(getenv("CODESET_REAPER_PID"), NULL, 10);
    int64_t daemon_before, bytes;
    double ratio;

    ids[0] = create_session();
    for (size_t i = 0; i < rounds; i++)
        one.us[i] = exec_once(&ids[0]);
    daemon_before = private_bytes(daemon);
    for (size_t i = 1; i < sessions; i++)
        ids[i] = create_session();
    for (size_t i = 0; i < rounds; i++)
        many.us[i] = exec_once(&ids[i % sessions]);
    bytes = agents_bytes() + private_bytes(daemon) - daemon_before;
    ratio = (double)series_quantile(&many, 0.99) / (double)series_quantile(&one, 0.99);
    printf("%-44s %17.2f ms   %-36s %17.2f ms   %5.2f  (<= 2.00)%s\n",
           "exec p99 with all sessions open", (double)series_quantile(&many, 0.99) / 1000,
           "exec p99 with one open", (double)series_quantile(&one, 0.99) / 1000, ratio,
           ratio <= 2 ? "" : "  SHORT");
    printf("%-44s %17.2f MiB  (<= 2.00)\n", "private memory of daemon and agent, a session",
           (double)bytes / (double)sessions / (1024 * 1024));
    for (size_t i = 0; i < sessions; i++)
        close_session(&ids[i]);
    free(ids);
    series_release(&many);
    series_release(&one);
}

int main(int argc, char **argv)
{
    _cleanup_(free_ptr) char *config = NULL;
    struct error err;

    stack = getenv("CODESET_STACK");
    base_url = getenv("CODESET_BASE_URL");
    if (argc != 6 || !stack || !base_url || !getenv("CODESET_REAPER_PID")) {
        fputs("usage: bench-latency ROUNDS SESSIONS DATASET SAMPLE IMAGE\n", stderr);
        return 2;
    }
    dataset = argv[3];
    sample = argv[4];
    config = xasprintf("%s/etc/codeset.conf", stack);
    if (settings_load(config, &settings, &err) < 0)
        give_up(err.message);
    open_client();
    measure_exec((size_t)strtol(argv[1], NULL, 10), argv[5]);
    measure_create((size_t)strtol(argv[1], NULL, 10), argv[5]);
    measure_many((size_t)strtol(argv[1], NULL, 10), (size_t)strtol(argv[2], NULL, 10));
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    settings_release(&settings);
    return 0;
}
