/* Messages between a pool and its worker processes: see wire.h. */
#include "engine/executor/process/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/executor/futex.h"

enum { MAGIC = 0x53484641, NS_PER_MS = 1000000, DESCRIPTORS_MAX = 2 };

typedef struct header {
    uint32_t magic;
    uint32_t type;
    uint32_t number;
    uint32_t n_items;
    int32_t status;
    uint32_t in_memfd;      /* the payload lies in the first descriptor that comes along */
    uint32_t has_descriptor; /* one more is passed along */
    uint32_t unused;
    uint64_t n_bytes;
} header;

/* ---- waiting ---- */

/*
 * Wait until the socket can be read from or written to. A process that has ended may still have
 * left something to read: END is for who finds nothing.
 */
static sheaf_status await(const sheaf__wire *wire, short events)
{
    struct pollfd fds[2] = {{.fd = wire->socket, .events = events},
                            {.fd = wire->process, .events = POLLIN}};
    for (;;) {
        int timeout_ms = -1;
        if (wire->deadline_ns != SHEAF__FOREVER) {
            int64_t left = wire->deadline_ns - sheaf__now_ns();
            int64_t ms = left > 0 ? (left + NS_PER_MS - 1) / NS_PER_MS : 0;
            timeout_ms = ms < INT32_MAX ? (int)ms : INT32_MAX;
        }
        int n = poll(fds, 2, timeout_ms);
        if (n == 0 && timeout_ms < INT32_MAX)
            return SHEAF_ETIMEDOUT;
        if (n > 0 && fds[0].revents)
            return SHEAF_OK;
        if (n > 0)
            return SHEAF_END;
        if (n < 0 && errno != EINTR)
            return SHEAF_EIO;
    }
}

static bool is_gone(int os_error)
{
    return os_error == EPIPE || os_error == ECONNRESET || os_error == ENOTCONN;
}

/* ---- sending ---- */

static bool write_all(int fd, const unsigned char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        ssize_t n = write(fd, bytes, n_bytes);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n > 0 ? n : 0;
        n_bytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

/*
 * Put a payload into shared memory. Returns its descriptor; -1 when there is none to be had (no
 * descriptor, a limit to the size of files): then the payload takes the way through the socket.
 */
static int share(const void *bytes, size_t n_bytes)
{
    if (n_bytes <= SHEAF__WIRE_INLINE_MAX)
        return -1;
    int fd = memfd_create("sheaf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && write_all(fd, bytes, n_bytes) && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void attach(struct msghdr *message, void *control, const int *fds, size_t n_fds)
{
    if (n_fds == 0)
        return;
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
    struct cmsghdr *attached = CMSG_FIRSTHDR(message);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
    memcpy(CMSG_DATA(attached), fds, n_fds * sizeof(int));
}

static void advance(struct msghdr *message, size_t n)
{
    while (n > 0 && message->msg_iovlen > 0) {
        struct iovec *part = message->msg_iov;
        size_t of_part = n < part->iov_len ? n : part->iov_len;
        part->iov_base = (char *)part->iov_base + of_part;
        part->iov_len -= of_part;
        n -= of_part;
        if (part->iov_len == 0) {
            message->msg_iov++;
            message->msg_iovlen--;
        }
    }
    while (message->msg_iovlen > 0 && message->msg_iov->iov_len == 0) {
        message->msg_iov++;
        message->msg_iovlen--;
    }
    message->msg_control = NULL; /* it went with the first byte */
    message->msg_controllen = 0;
}

static sheaf_status send_parts(const sheaf__wire *wire, struct msghdr *message)
{
    while (message->msg_iovlen > 0) {
        ssize_t n = sendmsg(wire->socket, message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            advance(message, (size_t)n);
            continue;
        }
        if (errno != EINTR && errno != EAGAIN && errno != ENOBUFS)
            return SHEAF_END; /* EPIPE, ECONNRESET: whatever it is, the message is cut */
        sheaf_status status = errno == EINTR ? SHEAF_OK : await(wire, POLLOUT);
        if (status != SHEAF_OK)
            return status;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__wire_send(const sheaf__wire *wire, const sheaf__message *message)
{
    int shared_fd = share(message->bytes, message->n_bytes);
    bool shared = shared_fd >= 0;
    header head = {.magic = MAGIC,
                   .type = message->type,
                   .number = message->number,
                   .n_items = message->n_items,
                   .status = message->status,
                   .in_memfd = shared,
                   .has_descriptor = message->descriptor >= 0,
                   .n_bytes = message->n_bytes};
    int fds[DESCRIPTORS_MAX];
    size_t n_fds = 0;
    if (shared)
        fds[n_fds++] = shared_fd;
    if (message->descriptor >= 0)
        fds[n_fds++] = message->descriptor;
    struct iovec parts[2] = {{&head, sizeof head},
                             {(void *)(uintptr_t)message->bytes, shared ? 0 : message->n_bytes}};
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fds)];
    struct msghdr whole = {.msg_iov = parts, .msg_iovlen = 2};
    memset(control, 0, sizeof control);
    attach(&whole, control, fds, n_fds);
    sheaf_status status = send_parts(wire, &whole);
    if (shared)
        close(shared_fd);
    return status;
}

/* ---- receiving ---- */

static void take_descriptors(struct msghdr *message, int *fds, size_t *n_fds)
{
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(each) + i * sizeof fd, sizeof fd);
            if (*n_fds < DESCRIPTORS_MAX)
                fds[(*n_fds)++] = fd;
            else
                close(fd);
        }
    }
}

static sheaf_status receive_bytes(const sheaf__wire *wire, void *to, size_t n_bytes, int *fds,
                                  size_t *n_fds, sheaf_error *err)
{
    unsigned char *at = to;
    bool gone = false;
    while (n_bytes > 0) {
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        struct iovec part = {at, n_bytes};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t n = recvmsg(wire->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n > 0) {
            take_descriptors(&message, fds, n_fds);
            at += n;
            n_bytes -= (size_t)n;
        } else if (n == 0 || is_gone(errno) || (gone && errno == EAGAIN)) {
            return SHEAF_END;
        } else if (errno == EAGAIN) {
            sheaf_status status = await(wire, POLLIN);
            gone = status == SHEAF_END; /* look once more */
            if (status < 0)
                return status;
        } else if (errno != EINTR) {
            return sheaf__error_system(err, errno, "a message could not be received", NULL);
        }
    }
    return SHEAF_OK;
}

static sheaf_status map_payload(sheaf__message *message, int fd, sheaf_error *err)
{
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);
    if (fstat(fd, &st) != 0 || (uint64_t)st.st_size < message->n_bytes || seals < 0 ||
        !(seals & F_SEAL_SHRINK))
        return SHEAF_EINVAL;
    void *memory = mmap(NULL, message->n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (memory == MAP_FAILED)
        return sheaf__error_system(err, errno, "shared memory could not be mapped", NULL);
    message->bytes = message->memory = memory;
    message->n_mapped = message->n_bytes;
    return SHEAF_OK;
}

static sheaf_status receive_payload(const sheaf__wire *wire, const header *head,
                                    sheaf__message *message, int *fds, size_t *n_fds,
                                    sheaf_error *err)
{
    if (*n_fds < head->in_memfd + head->has_descriptor)
        return sheaf__error_system(err, EMFILE, "a message came without its shared memory", NULL);
    if (*n_fds != head->in_memfd + head->has_descriptor || head->n_bytes > SIZE_MAX / 2)
        return SHEAF_EINVAL;
    if (head->in_memfd)
        return map_payload(message, fds[0], err);
    message->memory = malloc(message->n_bytes + 1);
    if (!message->memory)
        return sheaf__error_memory(err, "a message");
    message->bytes = message->memory;
    return receive_bytes(wire, message->memory, message->n_bytes, fds, n_fds, err);
}

sheaf_status sheaf__wire_receive(const sheaf__wire *wire, sheaf__message *message,
                                 sheaf_error *err)
{
    header head;
    int fds[DESCRIPTORS_MAX];
    size_t n_fds = 0;
    *message = (sheaf__message){.descriptor = -1};
    sheaf_status status = receive_bytes(wire, &head, sizeof head, fds, &n_fds, err);
    if (status == SHEAF_OK && (head.magic != MAGIC || head.in_memfd > 1 || head.has_descriptor > 1))
        status = SHEAF_EINVAL;
    if (status == SHEAF_OK) {
        message->type = (sheaf__message_type)head.type;
        message->number = head.number;
        message->n_items = head.n_items;
        message->status = (sheaf_status)head.status;
        message->n_bytes = head.n_bytes;
        status = receive_payload(wire, &head, message, fds, &n_fds, err);
    }
    if (status == SHEAF_OK && head.has_descriptor)
        message->descriptor = fds[--n_fds];
    while (n_fds > 0)
        close(fds[--n_fds]);
    if (status != SHEAF_OK)
        sheaf__message_end(message);
    return status;
}

void sheaf__message_end(sheaf__message *message)
{
    if (message->n_mapped > 0)
        munmap(message->memory, message->n_mapped);
    else
        free(message->memory);
    if (message->descriptor >= 0)
        close(message->descriptor);
    *message = (sheaf__message){.descriptor = -1};
}

/* ---- payloads ---- */

static size_t filled_up(size_t n_bytes)
{
    return (n_bytes + 7) & ~(size_t)7;
}

sheaf_status sheaf__payload_add(sheaf_reply *payload, const char *function, const void *bytes,
                                size_t n_bytes)
{
    sheaf__item item = {.n_bytes = n_bytes};
    if (n_bytes > SIZE_MAX / 2)
        return SHEAF_ENOMEM;
    unsigned char *at = sheaf_reply_reserve(payload, sizeof item + filled_up(n_bytes));
    if (!at)
        return SHEAF_ENOMEM;
    if (function)
        strncpy(item.function, function, sizeof item.function - 1);
    memcpy(at, &item, sizeof item);
    if (n_bytes > 0)
        memcpy(at + sizeof item, bytes, n_bytes);
    memset(at + sizeof item + n_bytes, 0, filled_up(n_bytes) - n_bytes);
    return SHEAF_OK;
}

const sheaf__item *sheaf__payload_next(const sheaf__message *message, size_t *offset,
                                       const void **bytes)
{
    size_t left = message->n_bytes - *offset;
    const unsigned char *at = (const unsigned char *)message->bytes + *offset;
    const sheaf__item *item = (const void *)at;
    if (left < sizeof *item || left - sizeof *item < item->n_bytes ||
        item->function[sizeof item->function - 1] != '\0')
        return NULL;
    *bytes = at + sizeof *item;
    *offset += sizeof *item + filled_up(item->n_bytes);
    return *offset <= message->n_bytes ? item : NULL;
}
