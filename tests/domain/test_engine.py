"""Whether an engine answers is recorded when that changes."""

from domain.engine import Engine
from tests.support.story import T0, Story

met = Story(Engine).given(Engine.Met, region="paris", provider="docker")
lost = met.given(Engine.Lost, region="paris")
back = lost.given(Engine.Found, region="paris")


def test_it_is_recorded_when_it_is_lost_and_when_it_answers_again() -> None:
    met.when(Engine.report, True, T0).nothing()
    met.when(Engine.report, False, T0).then(Engine.Lost, region="paris")
    lost.when(Engine.report, False, T0).nothing()
    lost.when(Engine.report, True, T0).then(Engine.Found, region="paris")
    back.when(Engine.report, True, T0).nothing()
