"""Write the reference pages."""

from __future__ import annotations

from docs.generate import write

for name in write():
    print(f"docs/reference/{name} is written anew")
