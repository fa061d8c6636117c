"""Scenarios: every story in this folder runs as it is written down, to the last digit."""

from __future__ import annotations

import pytest

from tests.golden.scenario import Scenario, ScenarioError, input_of, path_of, rewritten, story_names


@pytest.mark.parametrize("name", story_names())
def test_the_story_is_as_written(name: str, request: pytest.FixtureRequest) -> None:
    path = path_of(name)
    text = path.read_text(encoding="utf-8")
    now = rewritten(text)
    if request.config.getoption("--rewrite", default=False):
        path.write_text(now, encoding="utf-8")
    else:
        assert now == text


@pytest.mark.parametrize("name", story_names())
def test_a_story_begins_in_words_and_ends_with_the_whole_ledger(name: str) -> None:
    lines = path_of(name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert [command for line in lines if (command := input_of(line))][-1] == "ledger all"
    assert lines[-1].split()[-1] == "0"


def _story() -> Scenario:
    story = Scenario()
    for line in ("fund 1_000_000", "price BTCUSDT 60_000", "deposit alice 1_000"):
        story.do(line)
    return story


@pytest.mark.parametrize(
    "line",
    [
        "opne alice long BTCUSDT 0.01",
        "open alice up BTCUSDT 0.01",
        "price BTCUSDT 50_000",
        "mark BTCUSDT",
        "refused MARGIN_INSUFFICIENT: open alice long BTCUSDT 0.01",
    ],
)
def test_a_line_that_is_wrong_stops_the_story(line: str) -> None:
    with pytest.raises(ScenarioError):
        _story().do(line)


def test_a_refusal_that_is_not_expected_stops_the_story() -> None:
    with pytest.raises(ScenarioError, match=r"line 4: .*MARGIN_INSUFFICIENT"):
        rewritten("fund 1_000_000\nprice BTCUSDT 60_000\ndeposit alice 1_000\nopen alice long BTCUSDT 1\n")


def test_outputs_are_written_anew_and_comments_stay() -> None:
    text = "# story\nprice BTCUSDT 60_000  # both\ndeposit alice 1_000\n    → old\n"
    assert rewritten(text).splitlines()[:3] == text.splitlines()[:3]
    assert "old" not in rewritten(text)
