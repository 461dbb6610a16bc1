"""Is a picture the approved one? Texts that differ by a digit are; a panel that moved is not."""

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageChops

#: Of 255: what quantising to a palette may change in a pixel; a dark panel differs from the page by 15.
_SHADE: Final = 12
#: Part of the pixels that may differ by more.
TOLERANCE: Final = 0.01
_COLORS: Final = 192


def keep(picture: Path, approved: Path) -> None:
    """Store it small: pages have few colours, and approved pictures are in every clone for good."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE).save(approved, optimize=True)


def difference(picture: Path, approved: Path) -> float:
    """The part of the pixels that differ, 0 to 1; 1 when the sizes do."""
    with Image.open(picture) as one, Image.open(approved) as other:
        if one.size != other.size:
            return 1.0
        changed = np.asarray(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).max(axis=2) > _SHADE
    return float(changed.mean())


def show(picture: Path, approved: Path, where: Path) -> None:
    """What differs, in red over the dimmed approved picture."""
    with Image.open(picture) as one, Image.open(approved) as other:
        if one.size != other.size:
            return
        base = other.convert("RGB")
        changed = np.asarray(ImageChops.difference(one.convert("RGB"), base)).max(axis=2) > _SHADE
        seen = np.asarray(base) // 3
    seen[changed] = (255, 40, 40)
    Image.fromarray(seen).save(where)
