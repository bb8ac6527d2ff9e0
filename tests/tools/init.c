/* init.c - process 1 of the machines of system.sh: runs one program with what a test needs around it, tells how it ended, switches off
   SPDX-License-Identifier: MIT OR Unlicense - Copyright (c) 2026 trace.h contributors

   /init PROGRAM [argument ...]     The kernel hands over what stands behind "--" on its command line, and NAME=value as environment.
   true                             under this name it does nothing: programs that execute something execute that */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void must(const char *what, int result) {
    if (result != 0) printf("init: %s: %s\n", what, strerror(errno));
}

static void prepare(void) {
    struct ifreq loopback;
    struct termios console;
    int socket_fd;
    mkdir("/proc", 0755), mkdir("/sys", 0755), mkdir("/dev", 0755), mkdir("/tmp", 01777);
    must("/proc", mount("proc", "/proc", "proc", 0, NULL));
    must("/sys", mount("sysfs", "/sys", "sysfs", 0, NULL));
    if (access("/dev/null", F_OK) != 0) must("/dev", mount("dev", "/dev", "devtmpfs", 0, NULL));
    mkdir("/dev/pts", 0755);
    must("/dev/pts", mount("pts", "/dev/pts", "devpts", 0, "ptmxmode=0666"));
    if (tcgetattr(1, &console) == 0) {
        console.c_oflag &= ~(tcflag_t)OPOST;     /* lines end as the program ended them */
        (void)tcsetattr(1, TCSANOW, &console);
    }
    memset(&loopback, 0, sizeof loopback);
    strcpy(loopback.ifr_name, "lo");
    loopback.ifr_flags = IFF_UP | IFF_RUNNING;
    socket_fd = socket(AF_INET, SOCK_DGRAM, 0);
    must("lo", ioctl(socket_fd, SIOCSIFFLAGS, &loopback));
    close(socket_fd);
}

static void print_all(const char *text, size_t size) {
    while (size > 0) {
        const ssize_t written = write(1, text, size);
        if (written <= 0) return;
        text += written;
        size -= (size_t)written;
    }
}

/* Its output goes through a pipe, so that it sees no terminal. The shell's number for how it ended. */
static int run(char **arguments) {
    char chunk[4096];
    struct pollfd polled;
    int ends[2], status = 0;
    bool ended = false;
    ssize_t got;
    pid_t program, pid;
    if (pipe2(ends, O_CLOEXEC) != 0 || (program = fork()) < 0) return 126;
    if (program == 0) {
        const int nothing = open("/dev/null", O_RDONLY);
        (void)setsid();
        if (dup2(nothing, 0) < 0 || dup2(ends[1], 1) < 0 || dup2(ends[1], 2) < 0) _exit(126);
        if (nothing > 2) close(nothing);
        execv(arguments[0], arguments);
        _exit(127);
    }
    close(ends[1]);
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    polled.fd = ends[0];
    polled.events = POLLIN;
    while (!ended) {
        int how;
        (void)poll(&polled, 1, 20);
        while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {      /* orphans are process 1's as well */
            if (pid != program) continue;
            ended = true;
            status = how;
        }
        while ((got = read(ends[0], chunk, sizeof chunk)) > 0) print_all(chunk, (size_t)got);
        if (got == 0 && !ended) (void)poll(NULL, 0, 20);      /* it closed its output and lives */
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv) {
    const char *const slash = strrchr(argv[0], '/');
    struct utsname system_name;
    int status = 126;
    if (strcmp(slash ? slash + 1 : argv[0], "true") == 0) return 0;
    if (getpid() != 1 || argc < 2) return 2;      /* switches off no machine but its own */
    prepare();
    (void)setenv("PATH", "/bin", 1);
    (void)uname(&system_name);
    printf("%s %s, %ld CPUs\n", system_name.machine, system_name.release, sysconf(_SC_NPROCESSORS_ONLN));
    fflush(stdout);
    status = run(argv + 1);
    printf("exit status %d\n", status);
    fflush(stdout);
    (void)tcdrain(1);
    (void)reboot(RB_POWER_OFF);
    return status;
}
