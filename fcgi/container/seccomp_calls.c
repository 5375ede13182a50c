#include "container/seccomp_calls.h"

#include <stddef.h>

#include "base/banned.h"

const char *const seccomp_allowed[] = {
    /* Files and folders, by path and by descriptor. Which of them a process may reach is the file
     * systems' and the user namespace's matter. fcntl has rules of its own. */
    "access chdir chmod chown close close_range creat dup dup2 dup3 faccessat faccessat2 "
    "fallocate fchdir fchmod fchmodat fchmodat2 fchown fchownat flock fstat fstatfs "
    "ftruncate getcwd getdents getdents64 lchown link linkat lseek lstat mkdir mkdirat "
    "newfstatat open openat openat2 readlink readlinkat rename renameat renameat2 rmdir stat "
    "statfs statx symlink symlinkat truncate umask unlink unlinkat",
    /* Times of files. futimesat and utime only for programs that were linked long ago. */
    "futimesat utime utimensat utimes",
    /* FIFOs, which builds and tests make. A device can't be made in a user namespace, nor opened
     * on the container's file systems. */
    "mknod mknodat",
    /* Attributes, which archivers and package managers copy. What sets them is apart, below. */
    "fgetxattr flistxattr fremovexattr getxattr lgetxattr listxattr llistxattr lremovexattr "
    "removexattr",
    /* Reading and writing. preadv2 and pwritev2 have rules of their own. */
    "copy_file_range pread64 preadv pwrite64 pwritev read readv sendfile splice tee write "
    "writev",
    /* What databases and git ask of a disk. The scratch layer is volatile, so it costs the host
     * nothing; reading ahead is charged to the container. */
    "fadvise64 fdatasync fsync readahead sync_file_range syncfs",
    /* Waiting for descriptors, and descriptors to wait for. */
    "epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd "
    "eventfd2 poll ppoll pselect6 select signalfd signalfd4 timerfd_create timerfd_gettime "
    "timerfd_settime",
    /* Watching files, for development servers and test runners. The kernel counts watches by user,
     * of which each container has its own. */
    "inotify_add_watch inotify_init inotify_init1 inotify_rm_watch",
    /* Pipes and sockets. socket and socketpair have rules of their own, as the family is what
     * matters, and setsockopt, of whose options a few are for filters or routers. */
    "accept accept4 bind connect getpeername getsockname getsockopt listen pipe pipe2 "
    "recvfrom recvmmsg recvmsg sendmmsg sendmsg sendto shutdown",
    /* Memory of one's own. Locking it is for keys: RLIMIT_MEMLOCK allows 8 MiB. */
    "brk madvise memfd_create mlock mlock2 mmap mprotect mremap msync munlock munmap "
    "pkey_alloc pkey_free pkey_mprotect",
    /* Processes and threads. clone, prctl and unshare have rules of their own. */
    "arch_prctl execve exit exit_group fork futex futex_waitv get_robust_list membarrier "
    "restart_syscall rseq set_robust_list set_tid_address vfork wait4 waitid",
    /* Who one is. Only ids of the container's range can be had. */
    "capget capset getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getresgid "
    "getresuid getsid gettid getuid setfsgid setfsuid setgid setgroups setpgid setregid "
    "setresgid setresuid setreuid setsid setuid",
    /* Signals. A process reaches those of its own pid namespace. */
    "kill pause pidfd_open pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask "
    "rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack "
    "tgkill tkill",
    /* Debuggers and tracers: gdb, strace, sanitizers' leak checkers, crash handlers. The kernel
     * lets a process trace those of its own user that may be dumped, and no container has the
     * capability to go beyond. The agent and its shepherds can't be dumped (fcgi/agent). */
    "process_vm_readv process_vm_writev ptrace",
    /* Clocks, timers and naps. Timers are counted by RLIMIT_SIGPENDING. */
    "alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep "
    "setitimer time timer_create timer_delete timer_getoverrun timer_gettime timer_settime "
    "times",
    /* Limits and figures. prlimit64 and personality have rules of their own. sysinfo tells of the
     * host's memory and load; too much is built on it. */
    "getcpu getrandom getrlimit getrusage setrlimit sysinfo uname",
    /* Scheduling of one's own processes. The kernel refuses what would change it for the agent and
     * its shepherds, which have a capability more than any command (oci_config.c). */
    "getpriority ioprio_get ioprio_set sched_get_priority_max sched_get_priority_min "
    "sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval "
    "sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield setpriority",
    /* System V's and POSIX's queues, semaphores and shared memory: PostgreSQL, Python's
     * multiprocessing, test suites. The IPC namespace is the container's; shared memory is charged
     * to it, queues are counted by RLIMIT_MSGQUEUE and by user. */
    "mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget "
    "msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget",
    NULL,
};

/* user.* is all that can be set: the others take capabilities that no container has. (Where SELinux
 * is built in and has no policy, the kernel lets owners set security.selinux, too, which nobody
 * reads then.) */
const char seccomp_sets_attributes[] = "fsetxattr lsetxattr setxattr";

/*
 * Not there, and so answered as by a kernel that does not have it, for which libraries are
 * prepared:
 *
 * - clone3: its flags lie in memory, where a filter can't see them; libraries fall back to clone.
 * - io_setup and its like: fs.aio-max-nr is one sum for the whole host, which one container could
 *   take.
 * - mincore and cachestat: they tell what others read of the image files that containers share.
 * - seccomp: filters take of one sum for the whole host, and user notification holds up others'
 * calls.
 * - vmsplice, remap_file_pages, get_thread_area, set_thread_area: nothing that runs needs them.
 * - execveat: fexecve(3) goes by /proc/self/fd without it.
 */
const char seccomp_refused[] =
    "acct add_key adjtimex bpf chroot clock_adjtime clock_settime delete_module fanotify_init "
    "fanotify_mark finit_module fsconfig fsmount fsopen fspick init_module io_uring_enter "
    "io_uring_register io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl "
    "lookup_dcookie migrate_pages mlockall modify_ldt mount mount_setattr move_mount move_pages "
    "munlockall name_to_handle_at nfsservctl open_by_handle_at open_tree perf_event_open "
    "pidfd_getfd pivot_root process_madvise quotactl quotactl_fd reboot request_key "
    "setdomainname sethostname setns settimeofday swapoff swapon syslog umount umount2 uselib "
    "userfaultfd vhangup";
