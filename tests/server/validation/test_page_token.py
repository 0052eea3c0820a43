"""Page tokens: what one made comes back, and nothing else is taken for one."""

from hypothesis import given
from hypothesis import strategies as st
from recstream_server.validation import page_token
from recstream_server.validation.violations import Violations

POSITIONS = st.integers(0, 2**63 - 1)


def position(scope: str, token: str) -> int | None:
    return page_token.check(Violations(128), scope, token)


@given(st.text(), POSITIONS)
def test_a_token_leads_to_its_position(scope: str, where: int) -> None:
    assert position(scope, page_token.encode(scope, where)) == where


@given(st.text(), st.text(), POSITIONS)
def test_a_token_is_of_no_use_in_another_list(scope: str, other: str, where: int) -> None:
    assert position(other, page_token.encode(scope, where)) == (where if scope == other else None)


@given(POSITIONS, st.data())
def test_a_changed_token_is_refused(where: int, data: st.DataObject) -> None:
    token = page_token.encode("list", where)
    place = data.draw(st.integers(0, len(token) - 1))
    changed = token[:place] + data.draw(st.sampled_from("AZaz09-_é ")) + token[place + 1 :]
    assert position("list", changed) in (None, where) if changed != token else True


@given(st.text())
def test_any_text_is_refused_quietly(text: str) -> None:
    assert position("list", text) is None
