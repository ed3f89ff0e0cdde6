/* A Modbus/TCP device that costs next to nothing: modbus-source COUNT TICK_MS. Listens on COUNT ports of 127.0.0.1, prints them on one
   line, and answers functions 3 and 4 of any unit until its standard input ends. All ports have the same registers: those below WALKING
   walk a little with each tick, but for every fourth, which never changes; WAVE is 0 and 100 by turns, WAVE_TICKS ticks each. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REGISTERS 65536
#define WALKING 10000
#define WAVE 60000
#define WAVE_TICKS 10
#define MAX_FDS 4096
#define HEADER 7 /* transaction, protocol, length, unit */
#define REQUEST 12
#define MAX_COUNT 125

static uint16_t registers[REGISTERS];
static uint32_t seed = 1;
static long tick_ms, next_tick, ticks;
static struct { int listens; size_t length; uint8_t bytes[4096]; } peers[MAX_FDS];

static void fail(const char *what) { perror(what); exit(1); }

static long now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint32_t draw(void) { /* xorshift32 */
  seed ^= seed << 13;
  seed ^= seed >> 17;
  return seed ^= seed << 5;
}

static void walk(void) {
  for (long now = now_ms(); next_tick <= now; next_tick += tick_ms) {
    ticks += 1;
    for (int i = 0; i < WALKING; i++) {
      int step = (int)(draw() % 5) - 2;
      if (i % 4 != 3) registers[i] = (uint16_t)(registers[i] + step);
    }
    registers[WAVE] = ticks / WAVE_TICKS % 2 ? 100 : 0;
  }
}

/* Answers one request; -1 where it is none that a reader sends. */
static int answer(int fd, const uint8_t *in) {
  uint8_t out[HEADER + 2 + 2 * MAX_COUNT];
  int function = in[7], from = in[8] << 8 | in[9], count = in[10] << 8 | in[11];
  if ((function != 3 && function != 4) || count < 1 || count > MAX_COUNT || from + count > REGISTERS) return -1;
  walk();
  int length = HEADER + 2 + 2 * count;
  memcpy(out, in, 4);
  out[4] = (uint8_t)((length - 6) >> 8);
  out[5] = (uint8_t)(length - 6);
  out[6] = in[6];
  out[7] = in[7];
  out[8] = (uint8_t)(2 * count);
  for (int i = 0; i < count; i++) {
    out[9 + 2 * i] = (uint8_t)(registers[from + i] >> 8);
    out[10 + 2 * i] = (uint8_t)registers[from + i];
  }
  return write(fd, out, (size_t)length) == length ? 0 : -1;
}

static int serve(int fd) {
  ssize_t got = read(fd, peers[fd].bytes + peers[fd].length, sizeof peers[fd].bytes - peers[fd].length);
  if (got <= 0) return -1;
  size_t length = peers[fd].length + (size_t)got, at = 0;
  for (; length - at >= REQUEST; at += REQUEST)
    if (answer(fd, peers[fd].bytes + at) != 0) return -1;
  memmove(peers[fd].bytes, peers[fd].bytes + at, length - at);
  peers[fd].length = length - at;
  return 0;
}

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (fd >= MAX_FDS || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) fail("watch");
  peers[fd].length = 0;
}

int main(int argc, char **argv) {
  if (argc != 3 || (tick_ms = atol(argv[2])) < 1) return fprintf(stderr, "modbus-source COUNT TICK_MS\n"), 64;
  for (int i = 0; i < WALKING; i++) registers[i] = (uint16_t)(1000 + i * 37 % 5000);
  next_tick = now_ms() + tick_ms;
  int epoll = epoll_create1(0), on = 1;
  watch(epoll, 0);
  for (int i = 0; i < atoi(argv[1]); i++) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 16) != 0) fail("listen");
    getsockname(fd, (struct sockaddr *)&address, &size);
    printf("%d ", ntohs(address.sin_port));
    watch(epoll, fd);
    peers[fd].listens = 1;
  }
  printf("\n");
  fflush(stdout);
  for (struct epoll_event events[64];;) {
    int count = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < count; i++) {
      int fd = events[i].data.fd;
      if (fd == 0) return 0;
      if (!peers[fd].listens) {
        if (serve(fd) != 0) close(fd);
        continue;
      }
      int peer = accept(fd, NULL, NULL);
      if (peer < 0) continue;
      setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      watch(epoll, peer);
      peers[peer].listens = 0;
    }
  }
}
