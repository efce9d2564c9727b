from __future__ import annotations

from textual.app import App
from textual.widgets import Button

from agentdash.ui.widgets.confirm import Confirm, Question
from agentdash.ui.widgets.glyphs import ASCII
from tests.ui.screen_text import screen_text

QUESTION = Question(
    "Delete 2 workspaces?",
    targets=("ada/web-9", "mara/[red]gpu[/]"),
    affected=("mara: 1 open shell",),
    lasting="Their disks are deleted.",
    command="coder delete ada/web-9 mara/gpu-12",
    verb="Delete",
)


async def ask(question: Question, *keys: str, size: tuple[int, int] = (80, 24)) -> tuple[bool | None, str]:
    answers: list[bool | None] = []
    app: App[None] = App()
    async with app.run_test(size=size) as pilot:
        app.push_screen(Confirm(question, signs=ASCII), answers.append)
        await pilot.pause()
        text = screen_text(app)
        await pilot.press(*keys)
        await pilot.pause()
    return (answers[0] if answers else None), text


async def test_it_says_what_is_hit_and_cancel_has_the_focus() -> None:
    answer, text = await ask(QUESTION, "enter")
    assert answer is False
    for part in (
        "Delete 2 workspaces?",
        "hits      ada/web-9",
        "mara/[red]gpu[/]",
        "used by   mara: 1 open shell",
        "for good  Their disks are deleted.",
        "same as   coder delete ada/web-9 mara/gpu-12",
        "Cancel",
        "Delete",
    ):
        assert part in text


async def test_escape_cancels_and_only_the_button_confirms() -> None:
    assert (await ask(QUESTION, "escape"))[0] is False
    assert (await ask(QUESTION, "right", "enter"))[0] is True
    assert (await ask(QUESTION, "right", "left", "enter"))[0] is False
    assert (await ask(QUESTION, "y", "d", "space"))[0] is not True


async def test_the_typed_word_must_be_right() -> None:
    question = Question("Delete?", ("a", "b"), typed="2")
    assert (await ask(question, "right", "enter"))[0] is False
    typing = ("shift+tab",)
    assert (await ask(question, *typing, "3", "enter", "enter"))[0] is None
    assert (await ask(question, *typing, "2", "enter", "enter"))[0] is True
    assert "type 2 to go on" in (await ask(question, "escape"))[1]


async def test_it_fits_a_small_screen_with_many_targets() -> None:
    many = Question("Stop 40 workspaces?", tuple(f"ada/ws-{n}" for n in range(40)), verb="Stop", typed="40")
    answer, text = await ask(many, "enter", size=(40, 20))
    assert answer is False
    assert "ada/ws-0" in text
    assert "Cancel" in text


async def test_the_button_says_what_it_does() -> None:
    app: App[None] = App()
    async with app.run_test() as pilot:
        app.push_screen(Confirm(Question("x?", ("t",), verb="[b]Go[/b]")))
        await pilot.pause()
        assert str(app.screen.query_one("#do", Button).label) == "[b]Go[/b]"
