/* Makes a disk slow: every fsync and fdatasync takes SLOW_SYNC_MS longer, and does not return while there is a file
   HANG_SYNC_WHILE. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void stall(void) {
  const char *ms = getenv("SLOW_SYNC_MS");
  const char *file = getenv("HANG_SYNC_WHILE");
  if (ms) usleep((useconds_t)atoi(ms) * 1000);
  while (file && access(file, F_OK) == 0) usleep(20000);
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
