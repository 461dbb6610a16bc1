"""The last step before a child program: `python -I -S launch.py <options> program argument…` becomes that program.

A script of its own, run without site-packages (15 ms), because the work must happen between fork and exec and
`preexec_fn` is not safe in a process that has threads. It ties the child's life to its parent's (Linux), so that even
kill -9 of the supervisor leaves nothing running, and can step down from root to another user.
"""

import argparse
import ctypes
import os
import signal
import struct
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
#: Read and search any folder. Lets the stepped-down child reach a checkout under /root (mode 0700) without changing its mode.
_CAP_DAC_READ_SEARCH = 2
#: What containers grant instead of the above.
_CAP_DAC_OVERRIDE = 1


def _step_down(libc: ctypes.CDLL, uid: int, gid: int, reach: bool) -> None:
    if reach:
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if reach and not any(_keep(libc, capability) for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE)):
        sys.exit(f"user {uid} cannot reach the program or its folder; move them to where every user may search")


def _keep(libc: ctypes.CDLL, capability: int) -> bool:
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    mask = 1 << capability
    data = struct.pack("6I", mask, mask, mask, 0, 0, 0)
    if libc.capset(header, data) != 0:
        return False
    return bool(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0) == 0)


def _tie(libc: ctypes.CDLL, parent: int, death_signal: int) -> None:
    # After the change of user, which clears it. The kernel sends it when the *thread* that started us ends.
    libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, default=int(signal.SIGTERM))
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int, default=0)
    parser.add_argument("--reach", action="store_true")
    parser.add_argument("argv", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if options.uid is not None:
            _step_down(libc, options.uid, options.gid, options.reach)
        _tie(libc, options.parent, options.death_signal)
    elif options.uid is not None:
        os.setgroups([])
        os.setgid(options.gid)
        os.setuid(options.uid)
    # What the parent blocked or ignored is its own affair.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(options.argv[0], options.argv)  # noqa: S606


if __name__ == "__main__":
    main()
