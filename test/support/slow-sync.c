/* Makes a disk slow: every fsync and fdatasync takes SLOW_SYNC_MS longer. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void stall(void) {
  const char *ms = getenv("SLOW_SYNC_MS");
  if (ms) usleep((useconds_t)atoi(ms) * 1000);
}

int fsync(int fd) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  stall();
  return next(fd);
}

int fdatasync(int fd) {
  static int (*next)(int);
  if (!next) next = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  stall();
  return next(fd);
}
