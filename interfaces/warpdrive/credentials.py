"""Who asks, in Warpdrive: the owner of an API key, by the key itself or by a token made from it (W01, W02).

who: Who                       in an endpoint; it is refused before anything else is looked at
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from application.access import Actor
from interfaces.http.identity import require_key_holder

Who = Annotated[Actor, Depends(require_key_holder)]
