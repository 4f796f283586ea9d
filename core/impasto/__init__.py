"""Neural style transfer for people who paint.

    import impasto
    painted = impasto.stylized(impasto.read("photo.jpg"), impasto.read("painting.jpg"), size=768, strength=60)
    impasto.write("painted.png", painted)

Everything public is here, and is loaded when it is first used: `import impasto` alone loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .errors import DeviceError as DeviceError
    from .errors import DivergedError as DivergedError
    from .errors import ImageError as ImageError
    from .errors import ImageWarning as ImageWarning
    from .errors import ImpastoError as ImpastoError
    from .errors import OutputError as OutputError
    from .errors import PluginError as PluginError
    from .errors import RecipeError as RecipeError
    from .errors import WeightsError as WeightsError
    from .memory.process import prepare_process as prepare_process
    from .painting.layer_patches import Patch as Patch
    from .painting.layer_patches import strongest_patches as strongest_patches
    from .painting.paint import paint as paint
    from .painting.paint import stylized as stylized
    from .painting.scene import Style as Style
    from .painting.step import Step as Step
    from .painting.texture import reconstruct as reconstruct
    from .painting.texture import texture as texture
    from .pictures.bundled_styles import bundled as bundled
    from .pictures.bundled_styles import style as style
    from .pictures.picture import Picture as Picture
    from .pictures.picture import read as read
    from .pictures.picture import write as write
    from .recipe.recipe import Recipe as Recipe

_HOMES = {
    "errors": (
        "DeviceError",
        "DivergedError",
        "ImageError",
        "ImageWarning",
        "ImpastoError",
        "OutputError",
        "PluginError",
        "RecipeError",
        "WeightsError",
    ),
    "memory.process": ("prepare_process",),
    "pictures.bundled_styles": ("bundled", "style"),
    "pictures.picture": ("Picture", "read", "write"),
    "recipe.recipe": ("Recipe",),
    "painting.layer_patches": ("Patch", "strongest_patches"),
    "painting.paint": ("paint", "stylized"),
    "painting.scene": ("Style",),
    "painting.step": ("Step",),
    "painting.texture": ("reconstruct", "texture"),
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
