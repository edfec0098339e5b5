"""roster.py: who is here, and the news of it."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chatctl.common.names import fold_nick
from chatctl.core.roster import Member, News, Roster
from chatctl.errors import NickInvalid
from chatctl.protocol import Frame, Join, Leave, Rename
from tests.support.presence import fold

NAMES = st.sampled_from(["a", "b", "A"])


def apply(frames: list[Frame], known: set[str]) -> None:
    """Fold, and insist that the news make sense to one who has heard all of it."""
    for frame in frames:
        match frame:
            case Join(nicks=nicks):
                assert not known & set(nicks), f"{nicks} joined, and some were here"
            case Leave(nicks=nicks):
                assert set(nicks) <= known, f"{nicks} left, and some were not here"
            case Rename(old=old, new=new):
                assert old in known, f"{old} was not here"
                assert new not in known, f"{new} was here"
        fold([frame], known)


class NewsTellTheTruth(RuleBasedStateMachine):
    """Who hears the news knows who is here, since whatever welcome."""

    def __init__(self) -> None:
        super().__init__()
        self.roster: Roster[None] = Roster()
        self.known: set[str] = set()
        self.newcomers: list[tuple[set[str], set[str]]] = []
        """Those who came since the news was told: the names that they know, and the same folded."""
        self.going: list[Member[None]] = []
        self.lingering: dict[str, str] = {}
        """By key, the names of those who go and whose name nobody took since."""

    @property
    def here(self) -> set[str]:
        return {member.nick for member in self.roster} | set(self.lingering.values())

    @rule(nick=NAMES)
    def come(self, nick: str) -> None:
        if self.roster.find(nick) is None:
            member = self.roster.add(nick, None, None, 0)
            self.lingering.pop(member.key, None)

    @rule(nick=NAMES)
    def go(self, nick: str) -> None:
        if member := self.roster.find(nick):
            self.roster.unlist(member)
            self.going.append(member)
            self.lingering[member.key] = member.nick

    @rule(data=st.data())
    def gone(self, data: st.DataObject) -> None:
        """The last words of one who goes were shown; of several, in any order."""
        if self.going:
            member = data.draw(st.sampled_from(self.going))
            latest = [other for other in self.going if other.key == member.key][-1]
            self.going.remove(member)
            self.roster.gone(member)
            self.roster.gone(member)
            if member is latest:
                self.lingering.pop(member.key, None)

    @rule()
    def welcome(self) -> None:
        """Somebody is let in, and told who is here; the news that waits is yet to come."""
        nicks = self.roster.nicks(200)
        self.newcomers.append((set(nicks), set(map(fold_nick, nicks))))

    @rule(old=NAMES, new=NAMES)
    def rename(self, old: str, new: str) -> None:
        member = self.roster.find(old)
        if member and self.roster.find(new) in (None, member) and member.nick != new:
            self.roster.rename(member, new)
            self.lingering.pop(member.key, None)

    @rule()
    def tell(self) -> None:
        news = bool(self.roster.news)
        before = set(self.known)
        frames = self.roster.news.frames(len(self.roster))
        apply(frames, self.known)
        assert self.known == self.here
        listed = {member.nick for member in self.roster}
        for nicks, keys in self.newcomers:
            fold(frames, nicks)
            fold(frames, keys, fold_nick)
            assert nicks - set(self.lingering.values()) == listed
            assert keys - set(self.lingering) == set(map(fold_nick, listed))
        self.newcomers.clear()
        assert news is bool(frames)
        assert frames or self.known == before
        assert not self.roster.news

    @precondition(lambda self: not self.roster.news)
    @invariant()
    def nothing_untold_is_missing(self) -> None:
        assert self.known == self.here


TestNewsTellTheTruth = NewsTellTheTruth.TestCase
TestNewsTellTheTruth.settings = settings(max_examples=250, stateful_step_count=30, deadline=None)


def roster_of(*nicks: str) -> Roster[str]:
    roster: Roster[str] = Roster()
    for nick in nicks:
        roster.add(nick, None, f"{nick}'s connection", 100)
    roster.news.frames(0)
    return roster


def found(roster: Roster[str], nick: str) -> Member[str]:
    member = roster.find(nick)
    assert member is not None
    return member


def test_those_who_come_in_one_turn_are_told_in_one_frame() -> None:
    """Ten thousand who come back at once must not cost ten thousand times ten thousand frames."""
    roster: Roster[None] = Roster()
    nicks = [f"n{i}" for i in range(1000)]
    for nick in nicks:
        roster.add(nick, None, None, 0)
    assert roster.news.frames(1000) == [Join(nicks, 1000)]
    for member in list(roster):
        roster.unlist(member)
        roster.gone(member)
    assert roster.news.frames(0) == [Leave(nicks, 0)]


def test_who_came_and_went_in_one_turn_is_told_of_in_that_order() -> None:
    """Whoever was let in between has seen the name in the welcome, and would keep it for ever."""
    news = News()
    news.left("b", "b")
    for nick in "acd":
        news.joined(nick, nick)
    news.left("a", "a")
    news.left("d", "d")
    assert news
    assert news.frames(1) == [Leave(["b"], 1), Join(["a", "c", "d"], 1), Leave(["a", "d"], 1)]


def test_who_takes_the_name_of_one_who_went_in_the_same_turn_is_told_of() -> None:
    """It is somebody else. Who was let in between knows of nobody by that name."""
    news = News()
    news.left("b", "b")
    news.joined("b", "b")
    assert news.frames(1) == [Leave(["b"], 1), Join(["b"], 1)]


def test_any_number_who_come_and_go_under_one_name_take_few_frames() -> None:
    """Ten thousand readers get each of them."""
    news = News()
    for _ in range(100):
        news.joined("b", "b")
        news.left("b", "b")
    assert news.frames(0) == [Join(["b"], 0), Leave(["b"], 0)]


def test_a_name_that_is_spelt_otherwise_the_second_time_is_there_at_the_end() -> None:
    """Also to a client that goes by the folded name."""
    news = News()
    news.joined("ANA", "ana")
    news.left("ANA", "ana")
    news.joined("Ana", "ana")
    assert news.frames(1) == [Join(["ANA"], 1), Leave(["ANA"], 1), Join(["Ana"], 1)]


def test_who_came_and_was_renamed_in_one_turn_is_told_of_by_both() -> None:
    """The welcome had the first name; and the rename answers the one who asked for it."""
    news = News()
    news.joined("a", "a")
    news.renamed("a", "b")
    assert news.frames(1) == [Join(["a"], 1), Rename("a", "b")]


def test_who_came_and_took_the_name_of_one_who_went_is_told_of_in_that_order() -> None:
    news = News()
    news.left("b", "b")
    news.joined("a", "a")
    news.renamed("a", "b")
    assert news.frames(1) == [Leave(["b"], 1), Join(["a"], 1), Rename("a", "b")]


def test_who_went_is_told_before_who_came() -> None:
    """The same person in another case must not be there twice for a moment."""
    news = News()
    news.joined("zoe", "zoe")
    news.left("Ana", "ana")
    news.joined("ANA", "ana")
    assert news.frames(1) == [Leave(["Ana"], 1), Join(["zoe", "ANA"], 1)]


def test_the_last_words_of_the_first_of_two_do_not_end_the_second() -> None:
    roster = roster_of("a")
    first = found(roster, "a")
    roster.unlist(first)
    second = roster.add("a", None, "another connection", 0)
    assert roster.news.frames(1) == [Leave(["a"], 1), Join(["a"], 1)]
    roster.unlist(second)
    roster.gone(first)
    assert not roster.news
    roster.gone(second)
    assert roster.news.frames(0) == [Leave(["a"], 0)]


def test_a_rename_stands_between_what_was_before_and_after_it() -> None:
    news = News()
    news.left("b", "b")
    news.renamed("a", "b")
    news.joined("a", "a")
    assert news.frames(2) == [Leave(["b"], 2), Rename("a", "b"), Join(["a"], 2)]


def test_news_are_told_once() -> None:
    news = News()
    news.renamed("a", "b")
    assert news
    assert news.frames(1) == [Rename("a", "b")]
    assert not news
    assert news.frames(1) == []


def test_a_member_is_found_however_the_name_is_cased() -> None:
    assert found(roster_of("Rajat"), "rAJAT").nick == "Rajat"
    assert roster_of("Rajat").find("Zoe") is None


def test_no_two_members_share_a_name() -> None:
    roster = roster_of("Rajat", "Zoe")
    with pytest.raises(ValueError, match="listed"):
        roster.add("RAJAT", None, "other", 0)
    with pytest.raises(ValueError, match="listed"):
        roster.rename(found(roster, "Zoe"), "rajat")
    assert [m.nick for m in roster] == ["Rajat", "Zoe"]
    assert not roster.news


def test_a_member_may_change_the_case_of_the_name() -> None:
    roster = roster_of("rajat")
    roster.rename(found(roster, "rajat"), "Rajat")
    assert [m.nick for m in roster] == ["Rajat"]
    assert roster.news.frames(1) == [Rename("rajat", "Rajat")]


def test_a_renamed_member_has_left_the_old_name() -> None:
    roster = roster_of("a")
    roster.rename(found(roster, "a"), "b")
    assert roster.find("a") is None
    assert found(roster, "B").conn == "a's connection"


def test_a_name_that_is_none_changes_nothing() -> None:
    roster = roster_of("a")
    with pytest.raises(NickInvalid):
        roster.rename(found(roster, "a"), "a b")
    assert [m.nick for m in roster] == ["a"]


def test_the_rows_say_since_when_and_how_long_silent() -> None:
    roster = roster_of("a", "b")
    found(roster, "b").spoke = 130.0
    assert [(row.nick, row.since, row.idle) for row in roster.rows(131.5)] == [("a", 100, 31.5), ("b", 100, 1.5)]
    assert [row.idle for row in roster.rows(90.0)] == [0.0, 0.0], "a clock that was set back"


def test_the_first_come_are_listed_first_and_up_to_a_limit() -> None:
    assert roster_of("c", "a", "b").nicks(2) == ["c", "a"]
