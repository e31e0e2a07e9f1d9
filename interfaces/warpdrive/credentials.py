"""The actor in Warpdrive: the holder of an API key, by the key itself or by a token made from it (W01, W02).

actor: KeyHolder    as an endpoint's parameter: requests without a valid key are refused before anything else
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from application.access import Actor
from interfaces.http.identity import require_key_holder

KeyHolder = Annotated[Actor, Depends(require_key_holder)]
