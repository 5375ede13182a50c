#include "container/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "container/seccomp_calls.h"

#include "base/banned.h"

#define NAMESPACE_FLAGS                                                                            \
    ((uint64_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |      \
                CLONE_NEWPID | CLONE_NEWNET))
#define CLONE_NEWTIME_FLAG UINT64_C(0x80)
#define TIOCSTI_NUMBER 0x5412
#define TIOCSETD_NUMBER 0x5423
#define RWF_NOWAIT_BIT 0x8
#define TCP_AO_ADD_KEY_NUMBER 38
#define IPV6_FLOWLABEL_MGR_NUMBER 32
#define SECURITY_MODULES "/sys/kernel/security/lsm"
#define SECURITY_MODULES_MOST 4096

static json_object *condition(int index, const char *operation, uint64_t value, uint64_t value_two)
{
    json_object *object = json_object_new_object();

    json_add_int(object, "index", index);
    json_add(object, "value", json_object_new_uint64(value));
    json_add(object, "valueTwo", json_object_new_uint64(value_two));
    json_add_text(object, "op", operation);
    return object;
}

static json_object *equal(int index, uint64_t value)
{
    return condition(index, "SCMP_CMP_EQ", value, 0);
}

/* For a masked comparison `value` is the mask and `valueTwo` what must be left. */
static json_object *masked(int index, uint64_t mask, uint64_t left)
{
    return condition(index, "SCMP_CMP_MASKED_EQ", mask, left);
}

/* Takes the conditions, of which all must hold; NULL stands for none. errnum: 0 to allow. */
static void rule_if(json_object *rules, const char *name, int errnum, json_object *first,
                    json_object *second)
{
    json_object *rule = json_object_new_object();
    json_object *names = json_object_new_array();
    json_object *args = json_object_new_array();

    json_object_array_add(names, json_object_new_string(name));
    json_object_array_add(args, first);
    if (second != NULL)
        json_object_array_add(args, second);
    json_add(rule, "names", names);
    json_add_text(rule, "action", errnum == 0 ? "SCMP_ACT_ALLOW" : "SCMP_ACT_ERRNO");
    if (errnum != 0)
        json_add_int(rule, "errnoRet", errnum);
    json_add(rule, "args", args);
    json_object_array_add(rules, rule);
}

static void allow_if(json_object *rules, const char *name, json_object *first, json_object *second)
{
    rule_if(rules, name, 0, first, second);
}

static void list(json_object *rules, const char *words, const char *action, int errnum)
{
    json_object *rule = json_object_new_object();
    json_object *names = json_object_new_array();

    for (const char *word = words; *word != '\0';) {
        size_t length = strcspn(word, " ");

        json_object_array_add(names, json_object_new_string_len(word, (int)length));
        word += length + (word[length] == ' ');
    }
    json_add(rule, "names", names);
    json_add_text(rule, "action", action);
    if (strcmp(action, "SCMP_ACT_ERRNO") == 0)
        json_add_int(rule, "errnoRet", errnum);
    json_object_array_add(rules, rule);
}

static void allow_sockets(json_object *rules)
{
    static const uint64_t families[] = {AF_INET, AF_INET6};
    /* TCP, UDP, ICMP and ICMPv6; others would have the host load modules. */
    static const uint64_t protocols[] = {0, 6, 17, 1, 58};

    allow_if(rules, "socket", equal(0, AF_UNIX), NULL);
    allow_if(rules, "socketpair", equal(0, AF_UNIX), NULL);
    allow_if(rules, "socket", equal(0, AF_NETLINK), equal(2, NETLINK_ROUTE));
    /* As a kernel without it answers: PAM (su, sudo) goes on without audit, at ENOSYS it fails. */
    rule_if(rules, "socket", EPROTONOSUPPORT, equal(0, AF_NETLINK), equal(2, NETLINK_AUDIT));
    for (size_t f = 0; f < ARRAY_SIZE(families); f++)
        for (size_t p = 0; p < ARRAY_SIZE(protocols); p++)
            allow_if(rules, "socket", equal(0, families[f]), equal(2, protocols[p]));
}

static bool is_prefix_of_any(uint32_t prefix, uint32_t mask, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((numbers[i] & mask) == prefix)
            return true;
    return false;
}

/*
 * The call, unless the lower 32 bits of an argument are one of `unwanted`. The kernel looks at
 * these only, so "not equal" would let 0x100005412 pass for 0x5412, and there is no masked form of
 * it. Instead each number that passes is told by its upper bits: those up to the first one in which
 * it differs from all unwanted numbers. Here `unwanted` is walked as a tree of bits, and a rule is
 * made for each branch that leads to none of them. level: what argument 1 has to be, or NULL.
 */
static void allow_unless(json_object *rules, const char *name, const uint32_t *level, int index,
                         const uint32_t *unwanted, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (uint32_t bit = UINT32_C(1) << 31, above = 0; bit != 0; above |= bit, bit >>= 1) {
            uint32_t mask = above | bit;
            uint32_t branch = (unwanted[i] ^ bit) & mask;

            /* Whoever comes first with these upper bits makes the rule. */
            if (is_prefix_of_any(branch, mask, unwanted, count) ||
                is_prefix_of_any(unwanted[i] & above, above, unwanted, i))
                continue;
            allow_if(rules, name, masked(index, mask, branch),
                     level ? masked(1, UINT32_MAX, *level) : NULL);
        }
    }
}

/* A call that would fill what the host has once, answered as by a kernel that was built without. */
static void deny(json_object *rules, const char *name, int errnum, int index, uint32_t number)
{
    rule_if(rules, name, errnum, masked(index, UINT32_MAX, number), NULL);
}

/*
 * Programs for the kernel's packet filter and system call filters: the kernel's room for them
 * (net.core.bpf_jit_limit) is one for the whole host, and where it is full no container can start.
 * Filters are known by setsockopt(2) of level SOL_SOCKET, prctl(2) and seccomp(2); the last is
 * unlisted. So programs that would put themselves behind a filter of their own go on without.
 *
 * PR_SCHED_CORE keeps half of a processor's threads idle, of which others have a share.
 */
static void allow_but_filters(json_object *rules)
{
    static const uint32_t options[] = {PR_SET_SECCOMP, PR_SCHED_CORE};

    allow_unless(rules, "prctl", NULL, 0, options, ARRAY_SIZE(options));
    for (size_t i = 0; i < ARRAY_SIZE(options); i++)
        deny(rules, "prctl", EINVAL, 0, options[i]);
}

/*
 * Options of sockets that are answered as by a kernel without them. At SOL_SOCKET: filters, as
 * above. The others are for routers, or long replaced: keys of TCP (RFC 2385, RFC 5925) and options
 * of IPv6 in one piece (RFC 2292) are up to 128 KiB a socket (net.core.optmem_max) that no limit
 * counts; of flow labels the whole host has 4096.
 */
static void allow_socket_options(json_object *rules)
{
    static const struct {
        uint32_t level, options[4];
        size_t count;
    } rows[] = {
        {SOL_SOCKET,
         {SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF, SO_ATTACH_REUSEPORT_EBPF},
         4},
        {IPPROTO_TCP, {TCP_MD5SIG, TCP_MD5SIG_EXT, TCP_AO_ADD_KEY_NUMBER}, 3},
        {IPPROTO_IPV6, {IPV6_2292PKTOPTIONS, IPV6_FLOWLABEL_MGR_NUMBER}, 2}};
    uint32_t levels[ARRAY_SIZE(rows)];

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        levels[i] = rows[i].level;
        allow_unless(rules, "setsockopt", &rows[i].level, 2, rows[i].options, rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++)
            rule_if(rules, "setsockopt", ENOPROTOOPT, masked(1, UINT32_MAX, rows[i].level),
                    masked(2, UINT32_MAX, rows[i].options[k]));
    }
    allow_unless(rules, "setsockopt", NULL, 1, levels, ARRAY_SIZE(levels));
}

/* Locks that belong to no process: who holds too many of them could not be told (engined/
 * kernel_watch.h); and leases, which count to no limit either and are for file servers. Kernels
 * without them answer so. */
static void allow_but_locks_of_nobody(json_object *rules)
{
    static const uint32_t commands[] = {F_OFD_SETLK, F_OFD_SETLKW, F_SETLEASE};

    allow_unless(rules, "fcntl", NULL, 1, commands, ARRAY_SIZE(commands));
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        deny(rules, "fcntl", EINVAL, 1, commands[i]);
}

/* With RWF_NOWAIT they tell whether what they were to read is in the host's memory, and so whether
 * another container has read that file of the image. */
static void allow_vectors(json_object *rules)
{
    static const char *const calls[] = {"preadv2", "pwritev2"};

    for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
        allow_if(rules, calls[i], masked(5, RWF_NOWAIT_BIT, 0), NULL);
        rule_if(rules, calls[i], EOPNOTSUPP, masked(5, RWF_NOWAIT_BIT, RWF_NOWAIT_BIT), NULL);
    }
}

static void allow_personalities(json_object *rules)
{
    static const uint64_t usual[] = {
        0, PER_LINUX32, UNAME26, PER_LINUX32 | UNAME26, ADDR_NO_RANDOMIZE, 0xffffffff};

    for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
        allow_if(rules, "personality", equal(0, usual[i]), NULL);
}

bool seccomp_attributes_counted(const char *release, const char *modules)
{
    unsigned major, minor;

    if (sscanf(release, "%u.%u", &major, &minor) == 2 && (major > 6 || (major == 6 && minor >= 6)))
        return true;
    return modules && !strstr(modules, "bpf");
}

/* Elsewhere the answer is that of a file system that has none, with which archivers go on. */
static void allow_attributes(json_object *rules)
{
    _cleanup_(buf_release) struct buf modules = BUF_INIT;
    struct error ignored;
    struct utsname host;
    bool known =
        file_read(AT_FDCWD, SECURITY_MODULES, SECURITY_MODULES_MOST, &modules, &ignored) == 0;

    if (uname(&host) == 0 && seccomp_attributes_counted(host.release, known ? modules.data : NULL))
        list(rules, seccomp_sets_attributes, "SCMP_ACT_ALLOW", 0);
    else
        list(rules, seccomp_sets_attributes, "SCMP_ACT_ERRNO", EOPNOTSUPP);
}

json_object *seccomp_config(void)
{
    /* TIOCSTI would type into the terminal of whoever started us; for TIOCSETD the kernel loads its
     * line disciplines, old and little read. */
    static const uint32_t terminal_calls[] = {TIOCSTI_NUMBER, TIOCSETD_NUMBER};
    json_object *filter = json_object_new_object();
    json_object *architectures = json_object_new_array();
    json_object *rules = json_object_new_array();

    json_add_text(filter, "defaultAction", "SCMP_ACT_ERRNO");
    json_add_int(filter, "defaultErrnoRet", ENOSYS);
    /* The native one only: the i386 and x32 ways into the kernel are closed (the process dies),
     * and building the filter takes a tenth of the time. */
#if defined(__x86_64__)
    json_object_array_add(architectures, json_object_new_string("SCMP_ARCH_X86_64"));
#elif defined(__aarch64__)
    json_object_array_add(architectures, json_object_new_string("SCMP_ARCH_AARCH64"));
#else
/* cppcheck-suppress preprocessorErrorDirective ; it defines no architecture */
#error "name this architecture as libseccomp does"
#endif
    json_add(filter, "architectures", architectures);
    for (const char *const *calls = seccomp_allowed; *calls != NULL; calls++)
        list(rules, *calls, "SCMP_ACT_ALLOW", 0);
    list(rules, seccomp_refused, "SCMP_ACT_ERRNO", EPERM);
    allow_attributes(rules);
    /* It would write back what the whole host holds. Of a container nothing has to reach the disk,
     * so there is nothing to do, which has been done. */
    list(rules, "sync", "SCMP_ACT_ERRNO", 0);
    allow_if(rules, "clone", masked(0, NAMESPACE_FLAGS, 0), NULL);
    allow_if(rules, "unshare", masked(0, NAMESPACE_FLAGS | CLONE_NEWTIME_FLAG, 0), NULL);
    allow_sockets(rules);
    allow_but_filters(rules);
    allow_socket_options(rules);
    allow_but_locks_of_nobody(rules);
    allow_unless(rules, "ioctl", NULL, 1, terminal_calls, ARRAY_SIZE(terminal_calls));
    allow_vectors(rules);
    allow_personalities(rules);
    /* Its own limits only: pid 1 has the same owner, and with a limit of one descriptor the agent
     * would answer nobody any more. */
    allow_if(rules, "prlimit64", equal(0, 0), NULL);
    json_add(filter, "syscalls", rules);
    return filter;
}

#define CONDITIONS_MAX 6
#define PROGRAM_MAX (256 << 10) /* the kernel takes 4096 instructions of 8 bytes */

DEFINE_CLEANUP(scmp_filter_ctx, release_filter, seccomp_release)

static unsigned read_conditions(json_object *rule, struct scmp_arg_cmp *conditions)
{
    json_object *args = NULL;
    unsigned count = 0;

    if (!json_object_object_get_ex(rule, "args", &args))
        return 0;
    for (; count < json_object_array_length(args) && count < CONDITIONS_MAX; count++) {
        json_object *arg = json_object_array_get_idx(args, count);
        bool is_equal = strcmp(json_get_text(arg, "op"), "SCMP_CMP_EQ") == 0;

        conditions[count] = (struct scmp_arg_cmp){
            .arg = (unsigned)json_get_int(arg, "index", 0),
            .op = is_equal ? SCMP_CMP_EQ : SCMP_CMP_MASKED_EQ,
            .datum_a = json_object_get_uint64(json_object_object_get(arg, "value")),
            .datum_b = json_object_get_uint64(json_object_object_get(arg, "valueTwo")),
        };
    }
    return count;
}

static int add_rule(scmp_filter_ctx filter, json_object *rule, struct error *err)
{
    struct scmp_arg_cmp conditions[CONDITIONS_MAX];
    unsigned count = read_conditions(rule, conditions);
    json_object *names = json_object_object_get(rule, "names");
    uint32_t action = strcmp(json_get_text(rule, "action"), "SCMP_ACT_ALLOW") == 0
                          ? SCMP_ACT_ALLOW
                          : SCMP_ACT_ERRNO((uint32_t)json_get_int(rule, "errnoRet", EPERM));

    for (size_t i = 0; i < json_object_array_length(names); i++) {
        const char *name = json_object_get_string(json_object_array_get_idx(names, i));
        int number = seccomp_syscall_resolve_name(name);
        int rc;

        /* Newer than the library: unlisted then. Negative otherwise: of another architecture. */
        if (number == __NR_SCMP_ERROR || number < 0)
            continue;
        rc = seccomp_rule_add_array(filter, action, number, count, conditions);
        if (rc < 0)
            return error_errno(err, -rc, "cannot filter the system call %s", name);
    }
    return 0;
}

static int export(scmp_filter_ctx filter, struct buf *out, struct error *err)
{
    _cleanup_(close_fd) int fd = memfd_create("filter", MFD_CLOEXEC);
    _cleanup_(buf_release) struct buf program = BUF_INIT;
    _cleanup_(free_ptr) unsigned char *text = NULL;
    int rc = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
    off_t size = rc < 0 ? -1 : lseek(fd, 0, SEEK_CUR);

    if (size <= 0 || size > PROGRAM_MAX)
        return error_errno(err, rc < 0 ? -rc : EFBIG, "cannot build the system call filter");
    buf_reserve(&program, (size_t)size);
    if (pread(fd, program.data, (size_t)size, 0) != size)
        return error_errno(err, errno, "cannot read the system call filter");
    text = xmalloc((size_t)size / 3 * 4 + 8);
    buf_add(out, text, (size_t)EVP_EncodeBlock(text, (unsigned char *)program.data, (int)size));
    return 0;
}

int seccomp_program(json_object *config, struct buf *out, struct error *err)
{
    uint32_t otherwise = SCMP_ACT_ERRNO((uint32_t)json_get_int(config, "defaultErrnoRet", EPERM));
    _cleanup_(release_filter) scmp_filter_ctx filter = seccomp_init(otherwise);
    json_object *rules = json_object_object_get(config, "syscalls");

    if (filter == NULL)
        return error_set(err, ERROR_INTERNAL, NULL, "cannot begin a system call filter");
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree, not a list */
    for (size_t i = 0; i < json_object_array_length(rules); i++)
        if (add_rule(filter, json_object_array_get_idx(rules, i), err) < 0)
            return -1;
    return export(filter, out, err);
}
