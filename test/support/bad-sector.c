/* Makes a part of a file unreadable: reads of the inode BAD_INODE fail with EIO where they begin in the 4 KiB blocks from
   BAD_FROM to BAD_TO, and end before them otherwise, as those of a disk with bad sectors do. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static long number(const char *name) {
  const char *text = getenv(name);
  return text ? atol(text) : -1;
}

static ssize_t read_at(const char *symbol, int fd, void *into, size_t count, off64_t at) {
  ssize_t (*next)(int, void *, size_t, off64_t) = (ssize_t (*)(int, void *, size_t, off64_t))dlsym(RTLD_NEXT, symbol);
  struct stat status;
  long from = number("BAD_FROM"), to = number("BAD_TO");
  if (fstat(fd, &status) == 0 && (long)status.st_ino == number("BAD_INODE")) {
    if (at >= from && at < to) {
      errno = EIO;
      return -1;
    }
    if (at < from && at + (off64_t)count > from) count = (size_t)(from - at);
  }
  return next(fd, into, count, at);
}

ssize_t pread(int fd, void *into, size_t count, off_t at) { return read_at("pread", fd, into, count, at); }
ssize_t pread64(int fd, void *into, size_t count, off64_t at) { return read_at("pread64", fd, into, count, at); }
