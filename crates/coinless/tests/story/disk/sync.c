// Preloaded into a program (LD_PRELOAD): once the file $BROKEN is there, fsync and fdatasync of every file whose path has
// $BROKEN_FILES in it fail, as they do on a disk that breaks.

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int is_broken(int fd) {
    const char *broken = getenv("BROKEN"), *files = getenv("BROKEN_FILES");
    if (broken == NULL || files == NULL || access(broken, F_OK) != 0) {
        return 0;
    }
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    return strstr(path, files) != NULL;
}

static int sync_by(long call, int fd) {
    if (is_broken(fd)) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, fd);
}

int fsync(int fd) {
    return sync_by(SYS_fsync, fd);
}

int fdatasync(int fd) {
    return sync_by(SYS_fdatasync, fd);
}
