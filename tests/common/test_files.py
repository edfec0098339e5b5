"""common/files.py: a file is written whole or not at all, for this user alone, whatever comes in between."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from chatctl.common import files
from chatctl.common.files import (
    create_file,
    draft_folder,
    insist_on_own,
    is_own,
    locked_folder,
    open_own,
    private_folder,
    remove_draft_folder,
    replace_file,
)
from tests.support.killed import killed_at_the_rename

Write = Callable[[Path, bytes], None]
DRAFT = ".chatctl-" + bytes(8).hex()


def replace(path: Path, data: bytes) -> None:
    replace_file(path, data, durable=True)


def create(path: Path, data: bytes) -> None:
    create_file(path, data, durable=True)


BOTH = pytest.mark.parametrize("write", [replace, create])


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@BOTH
def test_the_file_is_private_and_nothing_else_is_left(tmp_path: Path, write: Write) -> None:
    with umask(0):
        write(tmp_path / "file", b"content")
    assert (tmp_path / "file").read_bytes() == b"content"
    assert mode(tmp_path / "file") == 0o600
    assert names(tmp_path) == ["file"]


def test_the_draft_of_a_killed_process_is_used_up_by_the_next_writer_that_has_a_lock(tmp_path: Path) -> None:
    """A kill -9 between the draft and its rename; the names without a lock are random, so that writers do not meet."""
    killed_at_the_rename(lambda: replace_file(tmp_path / "file", b"lost", durable=False, alone=True))
    assert names(tmp_path) == ["file.new"]
    replace_file(tmp_path / "file", b"kept", durable=False, alone=True)
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_a_folder_is_locked_for_one_process_at_a_time(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        fd = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(fd)


def test_the_draft_under_a_lock_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"mine")
    (tmp_path / "file.new").symlink_to(tmp_path / "secret")
    replace_file(tmp_path / "file", b"new", durable=False, alone=True)
    assert (tmp_path / "secret").read_bytes() == b"mine"
    assert names(tmp_path) == ["file", "secret"]


def test_a_public_file_has_what_the_umask_leaves(tmp_path: Path) -> None:
    """A collector that runs as another user has to read the probe's output."""
    with umask(0o027):
        replace_file(tmp_path / "file", b"", durable=False, private=False)
    assert mode(tmp_path / "file") == 0o640


def test_replacing_keeps_nothing_of_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"something longer")
    path.chmod(0o644)
    replace(path, b"short")
    assert path.read_bytes() == b"short"
    assert mode(path) == 0o600


def test_creating_never_replaces(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"first")
    with pytest.raises(FileExistsError):
        create(path, b"second")
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["file", "n" * 255])
@BOTH
def test_a_name_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, name: str
) -> None:
    """A draft's name must not be longer than a name may be."""
    monkeypatch.chdir(tmp_path)
    write(Path(name), b"content")
    assert names(tmp_path) == [name]


@BOTH
def test_a_symbolic_link_planted_as_the_draft_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    """In a folder that others may write to, they could have us overwrite a file of ours that they can't reach."""
    monkeypatch.setattr(os, "urandom", bytes)  # even if they guessed the name
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / DRAFT).symlink_to(victim)
    with pytest.raises(FileExistsError):
        write(tmp_path / "file", b"content")
    assert victim.read_bytes() == b"precious"
    assert not (tmp_path / "file").exists()


def test_draft_names_can_not_be_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(os, "replace", lambda draft, _, **_folders: seen.append(draft))
    for _ in range(2):
        replace(tmp_path / "file", b"")
    assert len(set(seen)) == 2


def test_a_symbolic_link_of_our_own_is_followed_to_its_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings are kept elsewhere that way, and a link that is replaced has nobody look there any more."""
    (tmp_path / "there").mkdir()
    (tmp_path / "folder").symlink_to("there")
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "file")
    (tmp_path / "file").symlink_to("./folder/../link")
    monkeypatch.chdir(tmp_path)
    for content in (b"made there", b"replaced there"):
        replace(Path("file"), content)
        assert (tmp_path / "there" / "file").read_bytes() == content
    assert (tmp_path / "file").is_symlink()
    with pytest.raises(FileExistsError):
        create(tmp_path / "link", b"content")


@pytest.fixture
def strangers_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let symbolic links be those of another user, as in a folder to which both can write."""
    own = files.is_trusted
    monkeypatch.setattr(files, "is_trusted", lambda found: own(found) and not stat.S_ISLNK(found.st_mode))


@pytest.mark.usefixtures("strangers_links")
@pytest.mark.parametrize("place", ["file", "folder/file"])
def test_another_users_symbolic_link_is_not_followed(tmp_path: Path, place: str) -> None:
    """Root would overwrite its own file behind it."""
    (tmp_path / "roots").mkdir()
    victim = tmp_path / "roots" / "file"
    victim.write_bytes(b"precious")
    (tmp_path / "file").symlink_to(victim)
    (tmp_path / "folder").symlink_to("roots")
    for write in (lambda: replace(tmp_path / place, b"content"), lambda: open_own(tmp_path / place, os.O_WRONLY)):
        with pytest.raises(OSError, match="another user's symbolic link"):
            write()
    with pytest.raises(OSError, match="another user's symbolic link" if "/" in place else "File exists"):
        create(tmp_path / place, b"content")
    assert victim.read_bytes() == b"precious"


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("other")
    (tmp_path / "other").symlink_to("file")
    with pytest.raises(OSError, match="Too many"):
        replace(tmp_path / "file", b"content")


def test_what_is_open_as_our_stdout_is_not_replaced(tmp_path: Path) -> None:
    """``probe --outfile /dev/stdout`` with stdout in a log: the rest of that log would be gone."""
    log = tmp_path / "log"
    log.write_bytes(b"before")
    with log.open("ab") as file, pytest.raises(OSError, match="not a regular file"):
        replace(Path(f"/dev/fd/{file.fileno()}"), b"content")
    assert log.read_bytes() == b"before"


def test_a_file_that_is_changed_in_place_is_made_private(tmp_path: Path) -> None:
    with umask(0):
        os.close(open_own(tmp_path / "file", os.O_RDWR))
    assert mode(tmp_path / "file") == 0o600
    os.close(open_own(tmp_path / "file", os.O_RDWR))
    insist_on_own(tmp_path / "file")
    insist_on_own(tmp_path / "missing")


def plant(path: Path, what: str) -> None:
    """Put something at a path that is no file of ours."""
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    else:
        (path.parent / "victim").write_bytes(b"precious")
        (path.parent / "victim").chmod(0o600)
        path.hardlink_to(path.parent / "victim")
        path.parent.chmod(0o777)


@pytest.mark.parametrize("what", ["a pipe", "a folder", "a hard link in a folder of many"])
def test_what_others_have_put_there_is_not_opened(tmp_path: Path, what: str) -> None:
    """Opening a pipe waits for ever, and a hard link is a file of ours elsewhere."""
    plant(tmp_path / "file", what)
    with pytest.raises(OSError, match=r"not a regular file|directory|device"):
        open_own(tmp_path / "file", os.O_WRONLY)
    with pytest.raises(OSError, match="not a regular file"):
        insist_on_own(tmp_path / "file")


def test_hard_links_in_a_folder_of_our_own_are_copies(tmp_path: Path) -> None:
    """As ``cp -al`` makes them."""
    tmp_path.chmod(0o755)
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "copy").hardlink_to(tmp_path / "file")
    insist_on_own(tmp_path / "file")


def test_a_file_of_another_user_is_not_ours_unless_the_folder_is_theirs() -> None:
    def status(owner: int, kind: int = stat.S_IFREG) -> os.stat_result:
        return os.stat_result((kind | 0o600, 0, 0, 1, owner, 0, 0, 0, 0, 0))

    us, another, folder = os.geteuid(), 4711, stat.S_IFDIR
    assert is_own(status(us), status(0, folder))
    assert is_own(status(0), status(us, folder))
    assert is_own(status(another), status(another, folder)), "root reads the journal of a service"
    assert not is_own(status(another), status(us, folder))


def test_what_is_no_regular_file_stays(tmp_path: Path) -> None:
    """``tail --cursor-file /dev/null`` as root put a file in the place of the device."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        replace(tmp_path / "pipe", b"content")
    assert stat.S_ISFIFO((tmp_path / "pipe").lstat().st_mode)
    assert names(tmp_path) == ["pipe"]


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file of this process grow beyond 100 bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("durable", [True, False])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, durable: bool) -> None:
    replace_file(tmp_path / "file", b"old", durable=durable)
    with pytest.raises(OSError, match="too large"):
        replace_file(tmp_path / "file", bytes(1000), durable=durable)
    with pytest.raises(OSError, match="too large"):
        create_file(tmp_path / "new", bytes(1000), durable=durable)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize(
    ("write", "call"), [(replace, "fsync"), (replace, "replace"), (create, "fsync"), (create, "link")]
)
def test_an_interrupt_leaves_the_old_file_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, call: str, before: bool
) -> None:
    """Ctrl-C comes as an exception between any two calls. Nothing but the file itself may be left of it."""
    own = getattr(os, call)

    def interrupted(*arguments: object, **folders: object) -> None:
        if not before:
            own(*arguments, **folders)
        raise KeyboardInterrupt

    path = tmp_path / "file"
    if write is replace:
        path.write_bytes(b"old")
    monkeypatch.setattr(os, call, interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path, b"new")
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    done = call != "fsync" and not before
    assert left == ({"file": b"new"} if done else {"file": b"old"} if write is replace else {})


def test_content_is_synced_before_the_name_and_the_name_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other way round, a power cut could leave an empty file under the name."""
    calls: list[str] = []

    def fsync(fd: int) -> None:
        calls.append("folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else f"{os.fstat(fd).st_size} bytes")

    own = os.replace
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", lambda *names, **folders: calls.append("rename") or own(*names, **folders))
    replace_file(tmp_path / "file", b"four", durable=True)
    replace_file(tmp_path / "file", b"", durable=False)
    assert calls == ["4 bytes", "rename", "folder", "rename"]


@pytest.mark.parametrize(("number", "fails"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_file_system_that_can_not_sync_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, fails: bool
) -> None:
    """The file is there, and nothing more can be done. An error of the disk is none of these."""
    own = os.fsync

    def fsync(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(number, os.strerror(number))
        own(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError) if fails else nullcontext():
        create(tmp_path / "file", b"content")


def test_a_reader_sees_one_content_whoever_writes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    size = 300_000
    contents = [bytes([letter]) * size for letter in b"abcdefgh"]
    replace(path, contents[0])
    go = threading.Barrier(len(contents))

    def write(data: bytes) -> None:
        go.wait()
        for _ in range(10):
            replace_file(path, data, durable=False)
            assert path.read_bytes() in contents

    with ThreadPoolExecutor(len(contents)) as pool:
        list(pool.map(write, contents))
    assert names(tmp_path) == ["file"]


def test_of_several_that_create_at_once_one_wins(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([letter]) * 50_000 for letter in b"abcdefgh"]
    go = threading.Barrier(len(contents))

    def write(data: bytes) -> bytes | None:
        go.wait()
        try:
            create_file(path, data, durable=False)
        except FileExistsError:
            return None
        return data

    with ThreadPoolExecutor(len(contents)) as pool:
        winners = [data for data in pool.map(write, contents) if data is not None]
    assert winners == [path.read_bytes()]
    assert names(tmp_path) == ["file"]


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **_folders: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    create(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        create(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("durable", [True, False])
def test_private_folders_all_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool) -> None:
    """``mkdir(parents=True, mode=0o700)`` gives that mode to the last one alone."""
    tmp_path.chmod(0o755)
    synced: list[str] = []
    monkeypatch.setattr(files, "sync_folder", synced.append)
    monkeypatch.chdir(tmp_path)
    with umask(0):
        private_folder(tmp_path / "a" / "b" / "c", durable=durable)
        private_folder("a/d", durable=durable)
        private_folder("e", durable=durable)
        private_folder("e", durable=durable)
    assert [mode(tmp_path / name) for name in ("", "a", "a/b", "a/b/c", "a/d", "e")] == [0o755] + [0o700] * 5
    made_in = [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b"), "a", "."]
    assert synced == (made_in if durable else [])


def test_a_folder_for_drafts_is_empty_and_ours(tmp_path: Path) -> None:
    folder = tmp_path / "drafts"
    for _ in range(2):  # the second time, one that a killed process left
        draft_folder(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert list(folder.iterdir()) == []
        (folder / "half").write_bytes(b"half")
    remove_draft_folder(folder)
    assert names(tmp_path) == []


@pytest.mark.parametrize("there", ["a file", "a link", "a folder for all"])
def test_what_is_in_the_place_of_a_folder_for_drafts_is_left_alone(tmp_path: Path, there: str) -> None:
    folder, elsewhere = tmp_path / "drafts", tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    (elsewhere / "file").write_bytes(b"theirs")
    if there == "a link":
        folder.symlink_to(elsewhere)
    elif there == "a file":
        folder.write_bytes(b"theirs")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(FileExistsError):
        draft_folder(folder)
    assert (elsewhere / "file").read_bytes() == b"theirs"


def test_a_folder_that_others_could_rename_is_none_for_drafts(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError):
        draft_folder(tmp_path / "drafts")
    tmp_path.chmod(0o1777)
    draft_folder(tmp_path / "drafts")


def test_a_signal_on_the_way_is_what_comes_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler's exception comes out of any call; a folder that was closed twice would hide it behind EBADF."""
    close = os.close
    closed = list[int]()

    def close_and_be_interrupted(descriptor: int) -> None:
        close(descriptor)
        closed.append(descriptor)
        if len(closed) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "close", close_and_be_interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace(tmp_path / "file", b"content")
    assert len(closed) == 2, "and no folder stays open"
