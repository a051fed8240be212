"""One HTML page in which models run: the explorer."""

from vaelab.lazy import LazyModule

__all__ = ["explore"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vaelab.explorer.page import explore
else:
    explore = LazyModule("vaelab.explorer.page").explore
