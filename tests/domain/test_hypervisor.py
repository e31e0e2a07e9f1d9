"""Whether the hypervisor answers is said when that changes."""

from domain.hypervisor import Hypervisor
from tests.support.story import T0, Story

unknown = Story(Hypervisor)
met = unknown.given(Hypervisor.Met)
lost = met.given(Hypervisor.Lost)
back = lost.given(Hypervisor.Found)


def test_it_is_said_when_it_is_lost_and_when_it_is_found_again() -> None:
    met.when(Hypervisor.report, True, T0).nothing()
    met.when(Hypervisor.report, False, T0).then(Hypervisor.Lost)
    lost.when(Hypervisor.report, False, T0).nothing()
    lost.when(Hypervisor.report, True, T0).then(Hypervisor.Found)
    back.when(Hypervisor.report, True, T0).nothing()
