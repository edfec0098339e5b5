"""The crash log: tracebacks of our own faults, kept in the state directory because stderr gets one line."""

from __future__ import annotations


def record(error: BaseException, shown: BaseException | None = None) -> str:
    """Append the traceback of an unexpected exception to ``crash.log``.

    Args:
        error: the exception.
        shown: the one to name, if not ``error``: its cause, say.

    Returns:
        The line that tells a person what happened, and where the traceback is.
    """
    import os
    import time
    import traceback

    from chatctl.common.files import private_folder
    from chatctl.common.paths import state_folder
    from chatctl.errors import reason_of

    folder = state_folder()
    path = os.path.join(folder, "crash.log")
    try:
        private_folder(folder)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with open(fd, "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            traceback.print_exception(error, file=file)
        os.chmod(path, 0o600)  # one that is there may have another mode
        details = f"the details are in {path}"
    except OSError as why:
        details = f"the details can't be kept in {path}: {reason_of(why)}"
    return f"a fault of chatctl's own: {shown or error!r}; {details}"
