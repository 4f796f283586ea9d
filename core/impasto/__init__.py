"""Neural style transfer for people who paint.

    import impasto
    painted = impasto.stylized(impasto.read("photo.jpg"), impasto.read("painting.jpg"), size=768, strength=60)
    impasto.write("painted.png", painted)

Everything public is here, and is loaded when it is first used: `import impasto` alone loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .alone import reconstruct as reconstruct
    from .alone import texture as texture
    from .errors import DeviceError as DeviceError
    from .errors import DivergedError as DivergedError
    from .errors import ImageError as ImageError
    from .errors import ImpastoError as ImpastoError
    from .errors import OutputError as OutputError
    from .errors import PluginError as PluginError
    from .errors import RecipeError as RecipeError
    from .errors import WeightsError as WeightsError
    from .explain import Patch as Patch
    from .explain import strongest_patches as strongest_patches
    from .gallery import bundled as bundled
    from .gallery import style as style
    from .images import Picture as Picture
    from .images import read as read
    from .images import write as write
    from .recipe import Recipe as Recipe
    from .scene import Style as Style
    from .stylize import Step as Step
    from .stylize import paint as paint
    from .stylize import stylized as stylized

__version__ = "0.1.0"

_HOMES = {
    "errors": (
        "DeviceError",
        "DivergedError",
        "ImageError",
        "ImpastoError",
        "OutputError",
        "PluginError",
        "RecipeError",
        "WeightsError",
    ),
    "explain": ("Patch", "strongest_patches"),
    "gallery": ("bundled", "style"),
    "images": ("Picture", "read", "write"),
    "recipe": ("Recipe",),
    "alone": ("reconstruct", "texture"),
    "scene": ("Style",),
    "stylize": ("Step", "paint", "stylized"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'impasto' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
