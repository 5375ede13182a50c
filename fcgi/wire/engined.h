/*
 * engined.h - what is asked of codeset-engined, and how it answers.
 *
 * A SOCK_SEQPACKET unix socket. A request is one message of exactly struct engined_request; each
 * is answered by one message, in any order, told apart by the number that the asker gave. Nothing
 * in a request is a path or a command: verbs, kinds, ids, numbers, and an image's name. A message
 * that is anything else ends its connection.
 *
 * Both ends are of one installation, so numbers are the machine's own; ENGINED_PROTOCOL changes
 * with every change of what is here.
 */
#ifndef CODESET_WIRE_ENGINED_H
#define CODESET_WIRE_ENGINED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "wire/container.h"

#define ENGINED_PROTOCOL 0x63650005u
#define ENGINED_IMAGE_SIZE 64
#define ENGINED_ADDRESS_SIZE 128
#define ENGINED_CODE_SIZE 32
#define ENGINED_MESSAGE_SIZE 512
#define ENGINED_TEXT_MAX (64 << 10) /* of environment, working directory and profile together */

/* What it lets one connection have under way; more waits in the socket. */
#define ENGINED_UNDER_WAY_MAX 128

enum engined_verb {
    ENGINED_START = 1,
    ENGINED_STOP,
    ENGINED_LIST,
    ENGINED_DESCRIBE,
    ENGINED_CLEAR,  /* end everything in it but its agent */
    ENGINED_EGRESS, /* open a job's way out (engine/engine.h) */
    ENGINED_FREEZE, /* hold what runs in it still, but its agent */
};

struct engined_request {
    uint32_t protocol;
    uint32_t verb;
    uint64_t number;
    uint32_t kind; /* with LIST 0, as all that follows */
    char id[ID_LENGTH + 1];
    char image[ENGINED_IMAGE_SIZE]; /* filled up with NUL; of DESCRIBE it may be empty */
    uint8_t public_;                /* of EGRESS: not only to what listens there; 0 or 1 */
    char zero[6];
    struct container_limits limits; /* of START, else 0 */
};

/*
 * The head of every answer. Behind the head of a successful START or DESCRIBE: environment_length
 * bytes of the image's environment, a JSON array, then workdir_length bytes of its working
 * directory, and profile_length bytes of how its commands are run, a JSON object. With
 * it come, where pid 1 runs, three descriptors in this order: of pid 1 (a pidfd), of the file in
 * which a line "oom_kill N" counts the kills by the memory limit, and of that in which a line "max
 * N" counts the processes that the limit of processes kept from being made.
 *
 * With that of EGRESS comes the listening socket, with that of FREEZE the descriptor that holds the
 * container still until it is closed. With that of LIST comes the descriptor of a file
 * that holds `count` structs container_ref.
 */
struct engined_answer {
    uint32_t protocol;
    uint32_t verb;
    uint64_t number;
    uint32_t kind_of_error; /* enum error_kind; ERROR_NONE: what was asked for is done */
    uint32_t running;
    uint32_t count;
    uint32_t environment_length;
    uint32_t workdir_length;
    char code[ENGINED_CODE_SIZE]; /* "": none */
    char message[ENGINED_MESSAGE_SIZE];
    char address[ENGINED_ADDRESS_SIZE];
    char ended_code[ENGINED_CODE_SIZE]; /* "": the engine has not ended it */
    char ended_message[ENGINED_MESSAGE_SIZE];
    uint32_t profile_length;
    int64_t image_time;
    int64_t memory_bytes, processes, cpu_us, oom_kills, disk_bytes;
};

#define ENGINED_ANSWER_MAX (sizeof(struct engined_answer) + ENGINED_TEXT_MAX)
#define ENGINED_FDS_MAX 3

_Static_assert(sizeof(struct engined_request) == 168, "there is no unnamed byte in it");
_Static_assert(sizeof(struct engined_answer) == 1304, "there is no unnamed byte in it");

/*
 * Is this one message of an asker? Checked as hostile: its length, every number, every text.
 * Whether there is such an image or such a container is not looked at. Returns 0, or -1 with the
 * reason for the log.
 */
int engined_request_check(const void *bytes, size_t length, struct engined_request *ret_request,
                          struct error *err);

/* Can an image have this name? [a-z0-9][a-z0-9._-]{0,62} */
bool engined_image_valid(const char *name);

/* Makes a request with nothing in it that was not asked for. image may be NULL; one that no image
 * can have makes a request that engined_request_check refuses. */
void engined_request_make(enum engined_verb verb, uint64_t number, struct engined_request *request);
void engined_request_name(struct engined_request *request, enum container_kind kind,
                          const struct id *id, const char *image);

/* Is this one message of codeset-engined? The texts of its head end, and its lengths fit. */
int engined_answer_check(const void *bytes, size_t length, struct error *err);

/* The code as a literal, NULL where it is none of those that travel: IMAGE_MISSING, IMAGE_REFUSED,
 * and, of a host that is full, DISK_SHORT, LOOP_DEVICES_SHORT, ID_RANGES_SHORT. */
const char *engined_code(const char *code);

/* Between error and answer. The code becomes one of the literals that are known here, or NULL. */
void engined_answer_error(struct engined_answer *answer, const struct error *err);
void engined_error_of(const struct engined_answer *answer, struct error *ret_err);

/* Sends one message with descriptors (at most ENGINED_FDS_MAX), as sendmsg(2) without a signal. */
long engined_send(int fd, const void *bytes, size_t length, const int *fds, int fd_count);

/* Receives one message of at most `most` bytes and its descriptors, which are the caller's, close
 * on exec. As recvmsg(2); a message that is too long is EMSGSIZE. */
long engined_receive(int fd, void *bytes, size_t most, int fds[ENGINED_FDS_MAX], int *ret_count);

#endif
