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

    from chatctl.common.files import open_own, private_folder
    from chatctl.common.paths import state_folder
    from chatctl.errors import NoHome, reason_of

    path = ""
    try:
        folder = state_folder()
        path = os.path.join(folder, "crash.log")
        private_folder(folder)
        with open(open_own(path, os.O_WRONLY | os.O_APPEND), "a", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)  # one that is there may have another mode
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n")
            traceback.print_exception(error, file=file)
        details = f"the details are in {path}"
    except NoHome as why:
        details = f"the details can't be kept: {why.text}"
    except OSError as why:
        details = f"the details can't be kept in {path}: {reason_of(why)}"
    return f"internal error in chatctl: {shown or error!r}; {details}"
