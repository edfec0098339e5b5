"""Programs and powers that some tests need and that a bare machine may lack.

A test calls ``need(name)`` and is skipped where the check fails. A check uses the thing as the tests do: a program that
is installed without the option or the library that they use would fail them.

``python3 -m tests.support.needs`` prints the Debian packages that are missing here. It runs on the standard library
alone, since ``.ci/run`` calls it before anything is installed.
"""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass

CHECK_SECONDS = 20.0


@dataclass(frozen=True)
class Need:
    """What a test needs, and how to get it."""

    check: str
    """A shell command that succeeds where it is there."""
    package: str = ""
    """The Debian package; empty where none provides it."""
    otherwise: str = ""
    """How to get it where no package provides it."""

    @property
    def remedy(self) -> str:
        """How to get it, as one short sentence part."""
        return f"apt install {self.package}" if self.package else self.otherwise


_MOUNT = 'd=$(mktemp -d) && mount -t tmpfs tmpfs "$d" && umount "$d" && rmdir "$d"'
_KEYGEN = 'd=$(mktemp -d) && ssh-keygen -q -t ed25519 -N "" -f "$d/key" && rm -r "$d"'
_FILTER = """python3 -c 'if 1:
    import ctypes, socket, struct
    nothing = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
    socket.socket().setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxQ", 1, ctypes.addressof(nothing)))'"""
_TLS_ENGINE = "ldd /usr/lib/postgresql/*/bin/postgres | grep -q libssl"
_IPV6 = """python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))'"""

CHROMIUMS = ("/usr/bin/chromium", "/usr/bin/google-chrome")
"""Debian's browser, and the one that Ubuntu's machines for CI have. The library that drives it is in the test extra."""

NEEDS = {
    "ansible-playbook": Need("ansible-playbook --version", "ansible-core"),
    "bash": Need("bash -c 'compgen -c'", "bash"),
    "chromium": Need(" || ".join(f"{path} --version" for path in CHROMIUMS), "chromium"),
    "curl": Need("curl --version", "curl"),
    "fish": Need("fish --no-config -c true", "fish"),
    "git": Need("git --version", "git"),
    "haproxy": Need("haproxy -v", "haproxy"),
    "nc": Need("nc -h 2>&1 | grep -q -e -N", "netcat-openbsd"),
    "nginx": Need("nginx -V 2>&1 | grep -q -e --with-http_ssl_module", "nginx"),
    "nginx with stream": Need("nginx -V 2>&1 | grep -q -e --with-stream", "libnginx-mod-stream"),
    "ngircd": Need("/usr/sbin/ngircd --version", "ngircd"),
    "node": Need("node -e 'new TextDecoder(\"utf-8\", { fatal: true })'", "nodejs"),
    "PostgreSQL with TLS": Need(_TLS_ENGINE, "postgresql"),
    "promtool": Need("promtool --version", otherwise="apt install prometheus"),  # its server comes with it
    "perl with JSON::PP": Need("perl -MJSON::PP -e 1", "perl"),
    "screen": Need("d=$(mktemp -d) && SCREENDIR=$d screen -ls; test $? -le 1", "screen"),
    "ssh-agent": Need("ssh-agent sh -c 'ssh-add -l; [ $? = 1 ]'", "openssh-client"),
    "ssh-keygen": Need(_KEYGEN, "openssh-client"),
    "systemd-analyze": Need("systemd-analyze --offline=true --version", "systemd"),
    "systemd-socket-activate": Need("systemd-socket-activate --version", "systemd"),
    "tmux": Need("tmux -V", "tmux"),
    "zsh": Need("zsh -fc 'autoload -Uz compinit && zmodload zsh/complist'", "zsh"),
    "packet filter": Need(_FILTER, otherwise="run them as root"),
    "mount": Need(_MOUNT, otherwise="run them as root"),
    "IPv6": Need(_IPV6, otherwise="give the loopback interface ::1"),
}


@functools.cache
def is_met(name: str) -> bool:
    """Tell whether this machine has what ``NEEDS`` lists under ``name``; the check runs once a process."""
    try:
        done = subprocess.run(
            ["sh", "-c", NEEDS[name].check],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def need(name: str) -> None:
    """Skip the test that calls it where this machine lacks ``name``."""
    import pytest

    if not is_met(name):
        pytest.skip(reason(name))


def reason(name: str) -> str:
    """Return the reason that is shown for a test that was skipped for want of ``name``."""
    return f"needs {name}: {NEEDS[name].remedy}"


if __name__ == "__main__":
    print("\n".join(sorted({need.package for name, need in NEEDS.items() if need.package and not is_met(name)})))
