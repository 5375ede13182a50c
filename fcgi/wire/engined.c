#include "wire/engined.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/cleanup.h"
#include "base/file.h"

#include "base/banned.h"

/* A text that ends within its size, with nothing but NUL behind. */
static bool is_text(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    for (size_t i = length; i < size; i++)
        if (text[i] != '\0')
            return false;
    return length < size;
}

static bool is_zero(const void *bytes, size_t length)
{
    const char *at = bytes;

    for (size_t i = 0; i < length; i++)
        if (at[i] != 0)
            return false;
    return true;
}

bool engined_image_valid(const char *name)
{
    size_t length = strnlen(name, ENGINED_IMAGE_SIZE);

    return length > 0 && length < ENGINED_IMAGE_SIZE && name[0] != '.' && name[0] != '_' &&
           name[0] != '-' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

static bool within(int64_t value, int64_t least)
{
    return value >= least && value <= INT64_C(1) << 50;
}

/* As the settings of these names have it. */
static bool limits_are_sane(const struct container_limits *limits)
{
    return within(limits->memory_bytes, 16 << 20) && within(limits->disk_bytes, 16 << 20) &&
           within(limits->disk_inodes, 1024) && within(limits->processes, 16) &&
           within(limits->cpu_millicores, 10);
}

static int check_name(const struct engined_request *request, struct error *err)
{
    char name[CONTAINER_NAME_SIZE];
    enum container_kind kind;
    struct id id;

    if (request->kind >= CONTAINER_KINDS)
        return error_set(err, ERROR_INVALID, NULL, "there is no kind %" PRIu32, request->kind);
    if (!is_text(request->id, sizeof(request->id)))
        return error_set(err, ERROR_INVALID, NULL, "the id does not end");
    memcpy(id.text, request->id, sizeof(id.text));
    container_name((enum container_kind)request->kind, &id, name);
    if (container_name_parse(name, &kind, &id) < 0)
        return error_set(err, ERROR_INVALID, NULL, "not an id: %.36s", request->id);
    if (!is_text(request->image, sizeof(request->image)) ||
        (request->image[0] != '\0' && !engined_image_valid(request->image)))
        return error_set(err, ERROR_INVALID, NULL, "not an image's name: %.63s", request->image);
    return 0;
}

int engined_request_check(const void *bytes, size_t length, struct engined_request *ret_request,
                          struct error *err)
{
    struct engined_request request;
    bool start;

    if (length != sizeof(request))
        return error_set(err, ERROR_INVALID, NULL, "%zu bytes are no request", length);
    memcpy(&request, bytes, sizeof(request));
    if (request.protocol != ENGINED_PROTOCOL)
        return error_set(err, ERROR_INVALID, NULL, "protocol %#" PRIx32 ", not %#" PRIx32,
                         request.protocol, ENGINED_PROTOCOL);
    if (!is_zero(request.zero, sizeof(request.zero)))
        return error_set(err, ERROR_INVALID, NULL, "what is to be zero is not");
    if (request.public_ > (request.verb == ENGINED_EGRESS))
        return error_set(err, ERROR_INVALID, NULL, "public_ is %u", (unsigned)request.public_);
    start = request.verb == ENGINED_START;
    switch (request.verb) {
    case ENGINED_START:
    case ENGINED_STOP:
    case ENGINED_DESCRIBE:
    case ENGINED_CLEAR:
    case ENGINED_FREEZE:
        if (check_name(&request, err) < 0)
            return -1;
        break;
    case ENGINED_EGRESS:
        if (check_name(&request, err) < 0)
            return -1;
        if (request.kind == CONTAINER_GRADING)
            return error_set(err, ERROR_INVALID, NULL, "a verification has no way out");
        break;
    case ENGINED_LIST:
        if (request.kind != 0 || !is_zero(request.id, sizeof(request.id)))
            return error_set(err, ERROR_INVALID, NULL, "a list of one container");
        break;
    default:
        return error_set(err, ERROR_INVALID, NULL, "there is no verb %" PRIu32, request.verb);
    }
    if (start ? request.image[0] == '\0' || !limits_are_sane(&request.limits)
              : !is_zero(&request.limits, sizeof(request.limits)))
        return error_set(err, ERROR_INVALID, NULL, "numbers or image do not go with verb %" PRIu32,
                         request.verb);
    if (!start && request.verb != ENGINED_DESCRIBE && request.image[0] != '\0')
        return error_set(err, ERROR_INVALID, NULL, "an image where none is wanted");
    *ret_request = request;
    return 0;
}

void engined_request_make(enum engined_verb verb, uint64_t number, struct engined_request *request)
{
    memset(request, 0, sizeof(*request));
    request->protocol = ENGINED_PROTOCOL;
    request->verb = verb;
    request->number = number;
}

void engined_request_name(struct engined_request *request, enum container_kind kind,
                          const struct id *id, const char *image)
{
    request->kind = kind;
    memcpy(request->id, id->text, sizeof(request->id));
    if (image != NULL && engined_image_valid(image))
        memcpy(request->image, image, strlen(image));
    else if (image != NULL)
        request->image[0] = '-';
}

int engined_answer_check(const void *bytes, size_t length, struct error *err)
{
    struct engined_answer answer;

    if (length < sizeof(answer))
        return error_set(err, ERROR_INTERNAL, NULL, "an answer of %zu bytes", length);
    memcpy(&answer, bytes, sizeof(answer));
    if (answer.protocol != ENGINED_PROTOCOL)
        return error_set(err, ERROR_INTERNAL, NULL,
                         "codeset-engined speaks protocol %#" PRIx32 ", not %#" PRIx32,
                         answer.protocol, ENGINED_PROTOCOL);
    if (answer.kind_of_error > ERROR_INTERNAL || !is_text(answer.code, sizeof(answer.code)) ||
        !is_text(answer.message, sizeof(answer.message)) ||
        !is_text(answer.address, sizeof(answer.address)) ||
        !is_text(answer.ended_code, sizeof(answer.ended_code)) ||
        !is_text(answer.ended_message, sizeof(answer.ended_message)) ||
        length != sizeof(answer) + (size_t)answer.environment_length + answer.workdir_length +
                      answer.profile_length)
        return error_set(err, ERROR_INTERNAL, NULL, "an answer that makes no sense");
    return 0;
}

const char *engined_code(const char *code)
{
    static const char *const codes[] = {"IMAGE_MISSING", "IMAGE_REFUSED", "DISK_SHORT",
                                        "LOOP_DEVICES_SHORT", "ID_RANGES_SHORT"};

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (strcmp(code, codes[i]) == 0)
            return codes[i];
    return NULL;
}

void engined_answer_error(struct engined_answer *answer, const struct error *err)
{
    answer->kind_of_error = err->kind;
    snprintf(answer->code, sizeof(answer->code), "%s", err->code ? err->code : "");
    snprintf(answer->message, sizeof(answer->message), "%s", err->message);
}

void engined_error_of(const struct engined_answer *answer, struct error *ret_err)
{
    error_set(ret_err, (enum error_kind)answer->kind_of_error, engined_code(answer->code), "%s",
              answer->message);
}

long engined_send(int fd, const void *bytes, size_t length, const int *fds, int fd_count)
{
    return fd_send(fd, bytes, length, fds, (size_t)fd_count, MSG_DONTWAIT);
}

long engined_receive(int fd, void *bytes, size_t most, int fds[ENGINED_FDS_MAX], int *ret_count)
{
    struct iovec part = {.iov_base = bytes, .iov_len = most};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(ENGINED_FDS_MAX * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    long got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    int count = 0;

    if (got < 0)
        return got;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL;
         head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        count = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds, CMSG_DATA(head), (size_t)count * sizeof(int));
    }
    if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        for (int i = 0; i < count; i++)
            close_fd(&fds[i]);
        errno = EMSGSIZE;
        return -1;
    }
    *ret_count = count;
    return got;
}
