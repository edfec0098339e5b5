"""A server of a test's own, and the commands, as in tests/shells."""

from tests.shells.conftest import close_wires, env, run, serve, start

__all__ = ["close_wires", "env", "run", "serve", "start"]
