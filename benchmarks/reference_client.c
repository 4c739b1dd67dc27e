/* The reference for latencies: one keep-alive connection, requests at fixed moments, each timed from its moment.
 *
 *     reference_client PORT RATE COUNT
 *
 * Prints p50, p99 and maximum in milliseconds, as JSON. A request waits for the one before, and its wait counts. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int by_size(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void read_answer(int fd) {
    static char buffer[65536];
    size_t have = 0;
    for (;;) {
        ssize_t count = recv(fd, buffer + have, sizeof buffer - 1 - have, 0);
        if (count <= 0) exit(2);
        have += (size_t)count;
        buffer[have] = 0;
        char *body = strstr(buffer, "\r\n\r\n"), *length = strstr(buffer, "Content-Length: ");
        if (body && length && have >= (size_t)(body + 4 - buffer) + (size_t)atol(length + 16)) return;
    }
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    long rate = atol(argv[2]), count = atol(argv[3]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    if (connect(fd, (struct sockaddr *)&address, sizeof address)) return 2;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    static const char body[] = "{\"operation_type\": \"load_test\", \"duration\": 0, \"data\": {\"token\": \"reference\"}}";
    char request[1024];
    int size = snprintf(request, sizeof request,
                        "POST /api/async_http_api HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s", argv[1], sizeof body - 1, body);
    int64_t *took = calloc((size_t)count, sizeof *took), begin = now_ns() + 100000000;
    for (long i = 0; i < count; i++) {
        int64_t intended = begin + i * 1000000000LL / rate;
        struct timespec until = {intended / 1000000000, intended % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        if (send(fd, request, (size_t)size, 0) != size) return 2;
        read_answer(fd);
        took[i] = now_ns() - intended;
    }
    qsort(took, (size_t)count, sizeof *took, by_size);
    printf("{\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f}\n", took[count / 2] / 1e6,
           took[count * 99 / 100] / 1e6, took[count - 1] / 1e6);
    return 0;
}
