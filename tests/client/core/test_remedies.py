"""remedies.py: a program is told of parameters, and a person of options."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from chatctl.client.core import remedies
from chatctl.client.core.remedies import Options, Parameters, Remedies
from chatctl.client.security.credentials import Credentials
from chatctl.errors import ChatError
from tests.support.environment import ROOT

OPTION = re.compile(r"(?<=[ (])--[a-z][a-z-]+")
OF_THE_OPERATOR = {"--reached-as"}


def test_an_option_for_each_parameter() -> None:
    names = {name for name in vars(Parameters) if not name.startswith("_")}
    assert {name for name in vars(Options) if not name.startswith("_")} == names
    assert "pin='SHA256:x'" in Parameters.use_pin("SHA256:x")
    assert "--pin SHA256:x" in Options.use_pin("SHA256:x")


@pytest.mark.parametrize("path", sorted((ROOT / "chatctl" / "client").rglob("*.py")), ids=lambda path: path.stem)
def test_no_other_text_of_the_client_names_an_option(path: Path) -> None:
    """Docstrings may: they are about the commands, too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
    ]
    if path.samefile(remedies.__file__):
        assert any(OPTION.search(text) for text in texts)
        return
    assert {found for text in texts for found in OPTION.findall(text)} <= OF_THE_OPERATOR


@pytest.mark.parametrize(("kind", "named"), [(Parameters, "key"), (Options, "--key")])
def test_a_key_that_can_t_be_read_is_told_by_what_names_it(tmp_path: Path, kind: Remedies, named: str) -> None:
    with pytest.raises(ChatError, match=rf"\(name another file with {named}\)"):
        Credentials(key=str(tmp_path / "missing"), remedies=kind).signer  # noqa: B018 — it is read now
