"""The two public forms: the same names, the same parameters."""

from __future__ import annotations

import re
import subprocess
import sys
from types import ModuleType

import pytest

import chatctl.client
from chatctl.client import aio, sync
from tests.support.environment import ROOT
from tests.support.signatures import parameters, public

FORMS = (sync, aio)


def test_both_forms_have_the_same_names() -> None:
    assert sync.__all__ == aio.__all__ == chatctl.client.__all__
    for name in ("Room", "Following"):
        assert public(getattr(sync, name)).keys() == public(getattr(aio, name)).keys()
    assert sync.Answer is aio.Answer


def test_both_forms_take_the_same_parameters() -> None:
    """A program is ported by writing ``await``."""
    assert parameters(sync.connect) == parameters(aio.connect)
    for name in ("say", "whisper", "who", "follow", "ask", "drain", "close"):
        assert parameters(getattr(sync.Room, name)) == parameters(getattr(aio.Room, name)), name
    assert parameters(sync.Following.close) == parameters(aio.Following.close)


@pytest.mark.parametrize("form", FORMS, ids=["blocking", "asyncio"])
def test_everything_public_says_what_it_is(form: ModuleType) -> None:
    assert form.connect.__doc__
    for cls in (form.Room, form.Following):
        methods = {name: value for name, value in public(cls).items() if not name.startswith("__")}
        assert all(value.__doc__ for value in methods.values()), methods


def test_the_package_hands_out_the_blocking_form_and_loads_it_late() -> None:
    """One-shot commands import its submodules: the package itself must cost nothing, and no form the other."""
    assert chatctl.client.connect is sync.connect
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = chatctl.client.nonsense
    code = "import sys, chatctl.client; print(len([n for n in sys.modules if n.startswith('chatctl.client.')]))"
    code += "; from chatctl.client import connect; print('asyncio' in sys.modules, 'ssl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "0\nFalse False\n"


def test_all_that_is_public_is_in_the_reference() -> None:
    """Of each module with an ``__all__``, and of those that docs/api.md has beside them."""
    script = (ROOT / ".ci" / "reference").read_text()
    named = set(re.findall(r"\((.*)\)", script, re.MULTILINE)[-1].split())
    public_modules = {
        path.stem for path in (ROOT / "chatctl" / "client").glob("*.py") if "\n__all__ = " in path.read_text()
    }
    assert named == (public_modules - {"__init__"}) | {"bot", "bot_harness"}
