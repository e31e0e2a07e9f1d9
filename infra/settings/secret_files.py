"""Settings whose value is in a file, such as `TENURE_SEALING_SECRET_FILE=/run/secrets/seal`.

Docker and Kubernetes hand secrets over as files. A variable is shown by `docker inspect`, and every child inherits it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.settings.errors import BadSetting

PREFIX, SUFFIX = "tenure_", "_file"
MAX_BYTES = 65_536


def with_files(
    layer: Mapping[str, Any], variables: Mapping[str, str | None], names: Iterable[str], where: str
) -> dict[str, Any]:
    """A layer of settings, and each setting NAME of `names` whose file a variable `TENURE_NAME_FILE` names.

    Raises `BadSetting` for a file that cannot be read, or if the setting itself is in the layer, too.
    """
    values = dict(layer)
    paths = {key.lower(): value for key, value in variables.items() if value}
    for name in names:
        path = paths.get(f"{PREFIX}{name}{SUFFIX}")
        if path is None:
            continue
        variable = f"TENURE_{name.upper()}"
        if name in layer:
            raise BadSetting(f"{variable} and {variable}_FILE (from {where}) are both set; one of them is enough.")
        values[name] = _read(Path(path).expanduser(), f"{variable}_FILE (from {where})")
    return values


def _read(path: Path, variable: str) -> str:
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise BadSetting(f"{variable} names {path}, which has more than {MAX_BYTES} bytes.")
        return data.decode().rstrip("\r\n")
    except OSError as error:
        raise BadSetting(f"{variable} names {path}, which cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadSetting(f"{variable} names {path}, which is not text in UTF-8.") from None
