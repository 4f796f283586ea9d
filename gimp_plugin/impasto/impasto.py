#!/usr/bin/env python3
"""Filters > Artistic > Neural Style...: a layer in the manner of a painting, as a new layer above it.

GIMP starts this file anew for every call. It holds the procedure; `layers` knows pixels, `painting` the worker,
`dialog` the window. Standard library and gi only: GIMP's Python has nothing else.
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, GLib, GObject

import layers
import painting
from words import _

PROCEDURE = "plug-in-impasto"
READWRITE = GObject.ParamFlags.READWRITE
QUALITIES = {"draft": _("Draft: seconds"), "normal": _("Normal"), "fine": _("Fine: takes its time")}
COLOURS = {
    "style": _("The style's"),
    "keep": _("The layer's own"),
    "match": _("The style's, matched to the layer"),
    "palette": _("The style's, and no strokes"),
}


class Impasto(Gimp.PlugIn):
    """The plug-in as GIMP asks for it: which procedures there are, and what each is."""

    def do_set_i18n(self, _name: str) -> bool:
        """None by GIMP: what it is told is translated."""
        return False

    def do_query_procedures(self) -> list[str]:
        """The names of the procedures."""
        return [PROCEDURE]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """The procedure, its place in the menu, and its arguments. Nothing here needs a worker."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("*")
        procedure.set_sensitivity_mask(Gimp.ProcedureSensitivityMask.DRAWABLE)
        procedure.set_menu_label(_("_Neural Style..."))
        procedure.add_menu_path("<Image>/Filters/Artistic")
        procedure.set_documentation(
            _("Paint a layer in the manner of a picture"),
            _(
                "Adds a new layer above the selected one, painted in the manner of a picture or of another layer. "
                "Where there is a selection, only what is selected is painted."
            ),
            name,
        )
        procedure.set_attribution("the impasto authors", "the impasto authors", "2025")
        _arguments(procedure)
        procedure.add_layer_return_value("layer", _("Layer"), _("The new layer"), True, READWRITE)
        return procedure


def _arguments(procedure: Gimp.Procedure) -> None:
    """What can be set, in the order of the dialog. The style is text, for GIMP refuses missing files wordlessly."""
    add = procedure
    help_ = _("A picture file, or the name of a bundled style")
    add.add_string_argument("style", _("Style pict_ure"), help_, "", READWRITE)
    help_ = _("A layer to take the style from")
    add.add_layer_argument("style-layer", _("Style la_yer"), help_, True, READWRITE)
    help_ = _("Files or names of bundled styles that are mixed with the style")
    add.add_string_array_argument("more-styles", _("More styles"), help_, READWRITE)
    help_ = _("How much each style counts, as: 2,1; empty: all the same")
    add.add_string_argument("style-weights", _("Shares"), help_, "", READWRITE)
    help_ = _("How far towards the style: 0 leaves the layer as it is, 100 forgets it")
    add.add_double_argument("strength", _("Stren_gth"), help_, 0, 100, 50, READWRITE)
    help_ = _("How wide brush strokes get, up to 1000 pixels of the layer; 0: as wide as they come with the style")
    add.add_double_argument("stroke-size", _("Stro_ke width"), help_, 0, 1000, 0, READWRITE)
    help_ = _(
        "Whose colours the result has: the style's, the layer's own, or the style's made to fit the layer.\n"
        "No strokes: the layer keeps its forms, and takes the style's colours"
    )
    add.add_choice_argument("colour", _("Colo_urs"), help_, _choice(COLOURS), "style", READWRITE)
    help_ = _("Draft: half the size or less, to try things. Fine: twice as long as normal")
    add.add_choice_argument("quality", _("_Quality"), help_, _choice(QUALITIES), "normal", READWRITE)
    help_ = _(
        "Longest side in pixels that is painted at, 16 to 32768; smaller is sooner done. 0: that of the layer. "
        "The result is as large as the layer in any case"
    )
    add.add_int_argument("size", _("Paint _at"), help_, 0, 32768, 0, READWRITE)
    help_ = _("What evaluates the pictures; empty: the usual")
    add.add_string_argument("network", _("Net_work"), help_, "", READWRITE)
    help_ = _("Another number, up to 2147483647, gives another picture of the same kind")
    add.add_int_argument("seed", _("See_d"), help_, 0, 2**31 - 1, 0, READWRITE)
    help_ = _("Any knobs of the recipe, as: steps=50 tv_weight=1e-3")
    add.add_string_argument("knobs", _("More kno_bs"), help_, "", READWRITE)
    help_ = _("Show a small draft that follows what you set")  # of the dialog alone: no argument for scripts
    add.add_boolean_aux_argument("preview", _("Pre_view"), help_, True, READWRITE)


def _choice(words: dict[str, str]) -> Gimp.Choice:
    choice = Gimp.Choice.new()
    for number, (name, label) in enumerate(words.items()):
        choice.add(name, number, label, "")
    return choice


def run(
    procedure: Gimp.Procedure,
    mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
    _data: Any,
) -> Gimp.ValueArray:
    """Paint, and answer GIMP: with the layer, with what went wrong in words, or that it was cancelled."""
    try:
        active = layers.resolve(drawables)
        # Who tries again does not paint a painting; a script says what it wants.
        again = mode != Gimp.RunMode.NONINTERACTIVE and layers.origin(image, active)
        layer = again or active
        layers.check(image, layer)
        if mode == Gimp.RunMode.INTERACTIVE:
            import dialog

            new = dialog.show(procedure, config, image, layer, active)
        else:
            if mode == Gimp.RunMode.WITH_LAST_VALS and not config.get_property("style"):
                raise layers.RefusedError(_("No style is remembered (GIMP forgets style layers): press Ctrl+Shift+F."))
            new = painting.alone(config, image, layer, active)
    except painting.CancelledError:
        return procedure.new_return_values(Gimp.PDBStatusType.CANCEL, GLib.Error())
    except (layers.RefusedError, painting.FailedError) as error:
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(str(error)))
    except Exception as error:  # GIMP would say no more than "execution error"
        traceback.print_exc()
        message = _("impasto met something it did not expect ({kind}: {error}).")
        message = message.format(kind=type(error).__name__, error=error)
        return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, GLib.Error(message))
    values = procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, GLib.Error())
    values.remove(1)
    values.insert(1, GObject.Value(Gimp.Layer, new))
    return values


if __name__ == "__main__":
    Gimp.main(Impasto.__gtype__, sys.argv)
