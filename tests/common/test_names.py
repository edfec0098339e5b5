"""common/names.py: comparing the names of a server with other rules than ours."""

from __future__ import annotations

import pytest

from chatctl.common.names import check_nick, fold_any, fold_nick
from chatctl.errors import NickInvalid


@pytest.mark.parametrize(
    ("nick", "folded"), [("Rajat", "rajat"), ("Ｒajat", "rajat"), ("Two Words", "two words"), ("", "")]
)
def test_every_name_can_be_folded(nick: str, folded: str) -> None:
    assert fold_any(nick) == folded


@pytest.mark.parametrize(
    "nick",
    [
        "\u0301",  # an accent alone
        "\u0301nadia",
        "\u1039",
        "nadia\u1039",  # MYANMAR SIGN VIRAMA: not seen
        "na\u093ddia\u0941",  # DEVANAGARI VOWEL SIGN U on a Latin letter
        "a\u0483",  # COMBINING CYRILLIC TITLO
        "က\u1039",  # nothing to stack below
        "က\u1039a",
        "ខ\u17d2",
        "\U00018b00\U00016fe4",  # KHITAN SMALL SCRIPT FILLER
        "1\u0941",
    ],
)
def test_marks_stand_on_their_own_script_and_are_seen(nick: str) -> None:
    """Or names differ to the server and to nobody's eye, and a line begins with a mark that joins what is before."""
    with pytest.raises(NickInvalid):
        check_nick(nick)
    with pytest.raises(NickInvalid):
        fold_nick(nick)


@pytest.mark.parametrize(
    "nick",
    [
        "Zoë",
        "a\u0323\u0308",
        "म\u094dर",
        "မြန်မာ",
        "က္က",
        "ខ្មែរ",
        "שָׁלוֹם",
        "مُحَمَّد",
        "สวัสดี",
        "தமிழ்",
        "тест\u0301",
        "か\u3099",
        "བོད",
    ],
)
def test_names_of_people_keep_their_marks(nick: str) -> None:
    assert fold_nick(check_nick(nick))


def test_an_error_names_a_mark_by_its_number() -> None:
    """Quoted, it would join the quote."""
    with pytest.raises(NickInvalid, match=r"U\+0301"):
        check_nick("\u0301")
