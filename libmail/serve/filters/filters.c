/* The filters, as tables, and the program that compiles them: make runs it, and sandbox.c has what
 * it prints. So no process that serves loads libseccomp, and all install the same constant octets.
 * Login and parser: a list of what is allowed, anything else kills. Session: it runs the protocol
 * over files, with libraries that open what they like, so what would widen its rights is forbidden
 * (EPERM) and the rest allowed. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "serve/sandbox.h"

#define FILTER_OCTETS 65536

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

/* Octets over descriptors that are there, memory, time, randomness, the end. */
static const int login_calls[] = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recv),
    SCMP_SYS(send),
    SCMP_SYS(shutdown),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(ppoll_time64),
    SCMP_SYS(lseek),
    SCMP_SYS(_llseek),
    SCMP_SYS(fstat),
    SCMP_SYS(fstat64),
    SCMP_SYS(getsockopt),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_gettime64),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(clock_nanosleep_time64),
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrusage),
    SCMP_SYS(futex),
    SCMP_SYS(futex_time64),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigreturn),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};
/* lmtpd's parser also writes the message into files that its monitor opened. */
static const int parser_calls[] = {
    SCMP_SYS(pwrite64),  SCMP_SYS(pwritev),     SCMP_SYS(pread64),  SCMP_SYS(preadv),
    SCMP_SYS(ftruncate), SCMP_SYS(ftruncate64), SCMP_SYS(fcntl),    SCMP_SYS(fcntl64),
    SCMP_SYS(fsync),     SCMP_SYS(fdatasync),   SCMP_SYS(sendfile), SCMP_SYS(copy_file_range),
};
/* A logger that is not there, or a time zone: refused, but not worth a death. */
static const int login_refused[] = { SCMP_SYS(connect), SCMP_SYS(ioctl), SCMP_SYS(fcntl) };
/* No exec, no other ids, no sight of other processes, no change of the machine. */
static const int session_refused[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(kcmp),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(capset),
    SCMP_SYS(chroot),
    SCMP_SYS(pivot_root),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(fspick),
    SCMP_SYS(fsconfig),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(io_uring_enter),
    SCMP_SYS(io_uring_register),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(syslog),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(name_to_handle_at),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(personality),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(lookup_dcookie),
    SCMP_SYS(vmsplice),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(fanotify_init),
};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int code = 0;
    for (size_t i = 0; i < count && code >= 0; i++)
        code = seccomp_rule_add(filter, action, calls[i], 0);
    return code;
}

/* Memory that is not executable; fstat(3), which libc makes of newfstatat; one harmless socket
 * option. */
static int add_narrow(scmp_filter_ctx filter)
{
    const int calls[] = { SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect) };
    int code = 0;
    for (size_t i = 0; i < COUNT(calls) && code >= 0; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 1,
                                SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (code >= 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                                SCMP_A3(SCMP_CMP_EQ, AT_EMPTY_PATH, 0));
    if (code >= 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setsockopt), 2,
                                SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP, 0),
                                SCMP_A2(SCMP_CMP_EQ, TCP_QUICKACK, 0));
    return code;
}

static int fill_login(scmp_filter_ctx filter, enum sandbox_kind kind)
{
    int code = add_all(filter, SCMP_ACT_ALLOW, login_calls, COUNT(login_calls));
    if (code >= 0)
        code = add_narrow(filter);
    if (code >= 0 && kind == SANDBOX_PARSER)
        code = add_all(filter, SCMP_ACT_ALLOW, parser_calls, COUNT(parser_calls));
    for (size_t i = 0; i < COUNT(login_refused) && code >= 0; i++)
        if (kind != SANDBOX_PARSER || login_refused[i] != SCMP_SYS(fcntl))
            code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), login_refused[i], 0);
    return code;
}

static int fill_session(scmp_filter_ctx filter)
{
    const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
    int code = add_all(filter, refuse, session_refused, COUNT(session_refused));
    /* Only to the logger and name services of this machine. */
    if (code >= 0)
        code =
            seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX, 0));
    /* Forks, but no namespaces; clone3 hides its flags from us, and libc then falls back to clone.
     */
    if (code >= 0)
        code = seccomp_rule_add(filter, refuse, SCMP_SYS(clone), 1,
                                SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
    if (code >= 0)
        code = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    return code;
}

/* ---- printing ---- */

/* The count of instructions; negative errno. */
static int print_program(scmp_filter_ctx filter, const char *name)
{
    static struct sock_filter program[FILTER_OCTETS / sizeof(struct sock_filter)];
    int fd = memfd_create("filter", MFD_CLOEXEC);
    int code = fd < 0 ? -errno : seccomp_export_bpf(filter, fd);
    ssize_t size = code < 0 ? 0 : pread(fd, program, sizeof(program), 0);
    if (fd >= 0)
        close(fd);
    if (code < 0 || size <= 0 || size == sizeof(program))
        return code < 0 ? code : -EIO;
    int count = (int)((size_t)size / sizeof(program[0]));
    printf("static const struct sock_filter %s_filter[] = {\n", name);
    for (int i = 0; i < count; i++)
        printf("    { 0x%04x, %u, %u, 0x%08x },\n", program[i].code, program[i].jt, program[i].jf,
               program[i].k);
    printf("};\n");
    return count;
}

static int compile(enum sandbox_kind kind, const char *name)
{
    uint32_t otherwise = kind == SANDBOX_SESSION ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
#ifdef SANITIZED
    if (kind != SANDBOX_SESSION) /* the sanitizer looks into /proc when it reports */
        otherwise = SCMP_ACT_ERRNO(
            EACCES); /* not EPERM: a rule that says the same as the default is an error */
#endif
    scmp_filter_ctx filter = seccomp_init(otherwise);
    if (!filter)
        return -ENOMEM;
    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    int code = kind == SANDBOX_SESSION ? fill_session(filter) : fill_login(filter, kind);
    if (code >= 0)
        code = print_program(filter, name);
    seccomp_release(filter);
    return code;
}

int main(void)
{
    static const struct {
        enum sandbox_kind kind;
        const char *name, *constant;
    } all[] = {
        { SANDBOX_LOGIN, "login", "SANDBOX_LOGIN" },
        { SANDBOX_PARSER, "parser", "SANDBOX_PARSER" },
        { SANDBOX_SESSION, "session", "SANDBOX_SESSION" },
    };
    int counts[COUNT(all)];
    for (size_t i = 0; i < COUNT(all); i++) {
        counts[i] = compile(all[i].kind, all[i].name);
        if (counts[i] < 0) {
            fprintf(stderr, "compiling the filter of %s: %s\n", all[i].name, strerror(-counts[i]));
            return 1;
        }
    }
    printf("static const struct sock_fprog filters[] = {\n");
    for (size_t i = 0; i < COUNT(all); i++)
        printf("    [%s] = { %d, (struct sock_filter *)%s_filter },\n", all[i].constant, counts[i],
               all[i].name);
    printf("};\n");
    return ferror(stdout) || fflush(stdout) != 0;
}
