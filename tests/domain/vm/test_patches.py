"""For every configuration that is good, and any patch: what comes of it is good, or nothing has changed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from xml.etree import ElementTree

from hypothesis import event, given, settings
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.vm.document import RawDocument, validate_document
from domain.vm.vm_config import VmConfig
from domain.vm_state import State
from infra.libvirt.domain_xml import domain_xml
from interfaces.neptuned.patching import apply_patch, difference
from tests.support.stories.vms import PLAIN
from tests.support.story import SUBJECT, T0
from tests.support.vm_strategies import MACHINES, OPERATIONS, PATCHES, VALUES, likely_patches

FOR_GOOD = ("id", "hypervisor")


@settings(max_examples=1000, deadline=None)
@given(data=st.data(), document=MACHINES, state=st.sampled_from(State))
def test_what_comes_of_a_patch_is_good_or_nothing_has_changed(data: st.DataObject, document: Any, state: State) -> None:
    patch: Any = data.draw(PATCHES | likely_patches(document))
    config = VmConfig.create(SUBJECT, document, T0)
    stored, version = config.document, config.version  # its name has its one form
    before: Any = deepcopy(stored)
    try:
        change = apply_patch(config.document, state, patch)
        config.patch(change.document, T0)
    except Invalid as refused:
        assert (config.document, config.version) == (before, version)
        assert str(refused)
        return
    assert stored == before  # what was stored before is not touched
    validate_document(config.document)
    event("something else" if config.document != before else "as it was")
    after: RawDocument = config.document
    assert all(after[field] == before[field] for field in FOR_GOOD)
    assert "password" not in config.document and "state" not in config.document


@settings(max_examples=300, deadline=None)
@given(document=MACHINES, other=MACHINES)
def test_a_difference_leads_from_one_configuration_to_the_other(document: Any, other: Any) -> None:
    assert apply_patch(document, State.STOPPED, difference(document, other)).document == other


@settings(max_examples=300, deadline=None)
@given(document=MACHINES, patch=st.lists(OPERATIONS, max_size=3))
def test_no_patch_brings_a_password_into_a_configuration(document: Any, patch: list[Any]) -> None:
    secret = "open sesame"
    ways: list[list[Any]] = [
        [{"op": "add", "path": "/password", "value": secret}, *patch],
        [{"op": "replace", "path": "", "value": document | {"password": secret}}, *patch],
    ]
    for way in ways:
        for leak in ([], [{"op": "copy", "from": "/password", "path": "/name"}]):
            try:
                assert secret not in str(apply_patch(document, State.STOPPED, [*way, *leak]).document)
            except Invalid as refused:
                assert secret not in str(refused)


@settings(max_examples=300, deadline=None)
@given(document=MACHINES, field=st.sampled_from(sorted(PLAIN)), value=VALUES)
def test_what_is_good_can_be_written_as_a_domain(document: Any, field: str, value: Any) -> None:
    """And whatever is no configuration is refused by the check, and by nothing else."""
    for candidate in (document, document | {field: value}):
        try:
            validate_document(candidate)
        except Invalid:
            continue
        xml = domain_xml(
            candidate, "tenure-1", lambda drive: f"/images/{drive['drive_image']}", default_memory_mb=64, kvm=False
        )
        assert ElementTree.fromstring(xml).findtext("name") == "tenure-1"
