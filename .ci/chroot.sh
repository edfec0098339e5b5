# Functions for scripts that work in a bare Debian of their own. To be sourced; sets `work` and `root`, needs `release`.
# Mirror, pip's settings and certificates are those of this machine.

work=$(mktemp -d)
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

bare_system() { # bare_system PACKAGES: Debian's minimal system of $release in $root, with these
    command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq debootstrap; } >/dev/null 2>&1
    # shellcheck disable=SC2046  # no mirror is no argument
    debootstrap --variant=minbase --include="$1" "$release" "$root" $(mirror) >"$work/log" 2>&1 ||
        { tail "$work/log"; exit 1; }
}

mirror() { # the first Debian mirror that apt uses here
    cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -nE 's/^(URIs:|deb( \[[^]]*\])?) *(https?:[^ ]*debian\/?)( .*)?$/\3/p' | head -n 1
}

settings() { # how pip and TLS reach the outside from here
    local file
    for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip "$HOME/.config/pip" "$HOME/.pip" "${PIP_CERT:-}" "${SSL_CERT_FILE:-}"; do
        [ -e "$file" ] && mkdir -p "$root$(dirname "$file")" && cp -rL "$file" "$root$(dirname "$file")/"
    done
    env | grep -E '^(PIP_(CERT|INDEX_URL|EXTRA_INDEX_URL|PROXY|DEFAULT_TIMEOUT)|SSL_CERT_FILE|https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)=' >"$work/env"
}

inside() { # inside USER SCRIPT: a process tree of its own, so that nothing outlives the script and no mount stays
    local user=$1 home=/root
    [ "$user" = root ] || home=/home/$user
    unshare --mount --pid --fork --kill-child bash -c '
        root=$1 user=$2 home=$3 env=$4 script=$5
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
        mapfile -t settings <"$env"
        exec chroot "$root" setpriv --reuid "$user" --regid "$user" --init-groups \
            env -i HOME="$home" PATH=/usr/local/bin:/usr/bin:/bin "${settings[@]}" bash -c "$script"
    ' bash "$root" "$user" "$home" "$work/env" "$2"
}
