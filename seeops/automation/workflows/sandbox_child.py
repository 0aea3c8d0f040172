"""The inside of the sandbox: started as a program of its own with nothing but Python's standard library.

Reads {"script", "argv", "files", "binds", "network", "limits", "root"} from standard input, makes new user, mount, process, host
name, message and (unless allowed) network namespaces, sees only read-only system folders and an empty /work in memory, and runs
the script there as nobody. Exit 97: the sandbox could not be made (says why on standard error); nothing was run then.
"""

# ruff: noqa: PTH103, PTH110, PTH112, PTH114, PTH115, PTH120, PTH211, S108, S606 - plain os calls, nothing else is loaded here
import ctypes
import json
import os
import platform
import resource
import signal
import sys

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DETACH = 2
PDEATHSIG, NO_NEW_PRIVS = 1, 38
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
NOBODY = 65534
REFUSED = 97
LONGEST_RESULT = 65536
libc = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, what + ": " + os.strerror(number))


def mount(source, target, kind, flags, data=""):
    must(
        libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode()),
        "mount " + target,
    )


def main():
    told = json.load(sys.stdin)
    result = int(sys.argv[1])
    libc.prctl(PDEATHSIG, signal.SIGKILL)
    ready, mapped = os.pipe(), os.pipe()
    inner = os.fork()
    if inner == 0:
        refuse_or(lambda: enter(told, ready[1], mapped[0]))
        first = os.fork()
        if first == 0:
            refuse_or(lambda: build(told))
            os._exit(supervise(told, result))
        _pid, status = os.waitpid(first, 0)
        os._exit(code_of(status))
    os.close(ready[1])
    os.close(mapped[0])
    if os.read(ready[0], 1):
        refuse_or(lambda: map_people(inner))
        os.write(mapped[1], b"m")
    _pid, status = os.waitpid(inner, 0)
    os._exit(code_of(status))


def refuse_or(work):
    try:
        work()
    except OSError as error:
        os.write(2, ("sandbox: " + str(error) + "\n").encode())
        os._exit(REFUSED)


def code_of(status):
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def enter(told, ready, mapped):
    """Leave the namespaces of the machine."""
    flags = NEWUSER | NEWNS | NEWPID | NEWIPC | NEWUTS | (0 if told["network"] else NEWNET)
    must(libc.unshare(flags), "new namespaces")
    os.write(ready, b"r")
    if not os.read(mapped, 1):
        raise OSError("the people of the namespace could not be mapped")
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    libc.prctl(PDEATHSIG, signal.SIGKILL)  # the changes above would have cleared it


def map_people(pid):
    """Started as root: root inside is root outside only until the script starts, which is nobody in both. Else: oneself."""
    own, group = os.getuid(), os.getgid()
    lines = "0 {0} 1\n" if own else "0 0 1\n65534 65534 1\n"
    if own:
        write(f"/proc/{pid}/setgroups", "deny")
    write(f"/proc/{pid}/uid_map", lines.format(own))
    write(f"/proc/{pid}/gid_map", lines.format(group))


def write(path, text):
    handle = os.open(path, os.O_WRONLY)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)


def build(told):
    """The first process of its namespace makes the file tree that the script sees, and makes it the root."""
    libc.prctl(PDEATHSIG, signal.SIGKILL)
    root = told["root"]
    mount("none", "/", "", REC | PRIVATE)
    mount("tmpfs", root, "tmpfs", NOSUID | NODEV, "size=32m,mode=755,nr_inodes=4096")
    for folder in told["binds"]:
        inside = root + folder
        if os.path.islink(folder):
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            os.symlink(os.readlink(folder), inside)
        elif os.path.isdir(folder):
            os.makedirs(inside, exist_ok=True)
            read_only(folder, inside)
        elif os.path.exists(folder):
            os.makedirs(os.path.dirname(inside), exist_ok=True)
            os.close(os.open(inside, os.O_CREAT))
            read_only(folder, inside)
    for device in ("/dev/null", "/dev/zero", "/dev/urandom"):
        os.makedirs(root + "/dev", exist_ok=True)
        os.close(os.open(root + device, os.O_CREAT))
        mount(device, root + device, "", BIND)
    os.makedirs(root + "/proc")
    mount("proc", root + "/proc", "proc", NOSUID | NODEV)
    os.makedirs(root + "/work")
    for name, text in told["files"].items():
        with open(root + "/work/" + name, "w", encoding="utf-8") as file:
            file.write(text)
    if told["drop"]:
        os.chown(root + "/work", NOBODY, NOBODY)
    os.symlink("work", root + "/tmp")
    os.chdir(root)
    must(libc.syscall(PIVOT_ROOT[platform.machine()], b".", b"."), "new root")
    must(libc.umount2(b".", DETACH), "leave the old root")
    os.chdir("/work")


def read_only(folder, inside):
    mount(folder, inside, "", BIND | REC)
    mount("none", inside, "", BIND | REMOUNT | RDONLY | NOSUID | NODEV)


def supervise(told, result):
    """Start the script, collect orphans, hand its result file on."""
    script = os.fork()
    if script == 0:
        refuse_or(lambda: start(told, result))
    code = None
    while code is None:
        pid, status = os.wait()
        if pid == script:
            code = code_of(status)
    try:
        with open("/work/result.json", "rb") as file:
            os.write(result, file.read(LONGEST_RESULT))
    except OSError:
        pass  # a script without a result
    return code


def start(told, result):
    os.close(result)
    os.setsid()
    limits = told["limits"]
    megabyte = 1 << 20
    for name, value in (
        ("AS", limits["memory_mb"] * megabyte), ("CPU", limits["cpu_s"]), ("FSIZE", 16 * megabyte), ("NOFILE", 64),
        ("NPROC", 64), ("CORE", 0),
    ):  # fmt: skip
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
    if told["drop"]:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    must(libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/work",
        "LANG": "C.UTF-8",
        "INPUTS": "/work/inputs.json",
        "RESULT": "/work/result.json",
    }
    os.execve(told["argv"][0], told["argv"], environment)


if __name__ == "__main__":
    main()
