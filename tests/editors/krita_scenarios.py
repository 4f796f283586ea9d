"""Scenarios for the docker, run inside Krita by krita_probe.py, one after the other."""

import json
import os
import re
import struct
import subprocess
import time
from pathlib import Path

from krita import InfoObject, Krita, Selection
from PyQt.QtCore import QMimeData, QPoint, QPointF, QRect, Qt, QTimer, QUrl
from PyQt.QtGui import QDragEnterEvent, QDropEvent, QImage, QWheelEvent
from PyQt.QtTest import QTest
from PyQt.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QListWidget,
    QMenu,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSlider,
    QSpinBox,
    QToolButton,
    QWidget,
)

K = Krita.instance()
OUT = Path(os.environ["HOME"])
QUICK = {"steps": 2, "scales": 1, "device": "cpu"}
CODES = {"U8": "B", "U16": "H", "F16": "e", "F32": "f"}


ANSWERED = []
"""Title and text of the importer's questions, to which the answer is yes."""
EXTENSIONS = []
"""Krita's, kept: once it was asked for them, those of Krita 6 are gone as soon as nobody holds them, our probe too."""


def answer(window):
    """Whether a window is the importer's; it is answered."""
    mine = window.windowTitle() in ("Activate Plugins?", "Error")
    if mine:
        ANSWERED.append((window.windowTitle(), window.text()))
        right = QMessageBox.StandardButton.Ok if window.windowTitle() == "Error" else QMessageBox.StandardButton.Yes
        window.button(right).click()
    return mine


def dock():
    return next(each for each in K.dockers() if each.objectName() == "impasto")


def message():
    """What the docker says."""
    return dock().foot.message.label.text()


def open_(width, height, model="RGBA", depth="U8", profile=""):
    """A new document on the screen, with its first layer active."""
    document = K.createDocument(width, height, "picture", model, depth, profile, 72.0)
    K.activeWindow().addView(document)
    yield from wait_for(lambda: document.activeNode() is not None)
    yield 200
    return document


def wait_for(true, seconds=240, what="it"):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} takes too long; the docker says {message()!r}")
        yield 20


def style():
    """A style picture with much red and stripes, as a file."""
    path = OUT / "red.png"
    red, dark = bytes((220, 40, 20, 255)), bytes((110, 5, 30, 255))
    rows = b"".join(red if (x + y) % 9 < 5 or x * y % 13 == 0 else dark for y in range(64) for x in range(64))
    QImage(rows, 64, 64, 256, QImage.Format.Format_RGBA8888).save(str(path))
    return str(path)


def settings(strength=0, styles=None, **knobs):
    """Choose things as the painter would; the docker shows them."""
    painter = dock().painter
    dock().styles.mix.setChecked(bool(styles))
    painter.settings.styles = []
    for path in styles or [style()]:
        dock().styles._choose_file(path)
    usual = {"strength": strength, "stroke_size": 0, "colour": "style", "quality": "normal", "network": "", "seed": 0}
    painter.settings.knobs = {**usual, **QUICK, **knobs}
    dock()._load()
    return painter


def run(wait=True, **knobs):
    """Press Paint, and wait for the end; or for the first progress."""
    painter, moved = settings(**knobs), []
    painter.heard.connect(lambda event: moved.append(event.type))
    paint()
    yield from wait_for(lambda: not painter.busy or (not wait and "progress" in moved), what="painting")
    yield 60
    return message()


def paint():
    """Press Paint; the last result is kept first, if there is one, for else there is no such button."""
    foot = dock().foot
    if not foot.accept.isHidden():
        foot.accept.click()
    assert row() == ["Paint"], row()
    foot.go.click()


def row():
    """The buttons that are there, without what our own language puts around them."""
    buttons = dock().foot.row.findChildren(QPushButton)
    return [re.sub("[&~\u27e6\u27e7]", "", each.text()) for each in buttons if not each.isHidden()]


KEPT = ["Discard", "Try again", "Keep"]
LONG = {"steps": 100000, "wait": False, "strength": 50}


def show(preview=False):
    """Begin anew, whatever the last scenario came to: nothing in work, no document, the worker ready."""
    dock().painter.cancel()
    for document in K.documents():
        yield from shut(document)
    dock().preview.follow.setChecked(preview)
    dock().setVisible(True)
    dock().raise_()
    yield from wait_for(lambda: dock().painter.hello and dock().painter.knobs, what="the worker")


def leave():
    for document in K.documents():
        document.setModified(False)
    K.action("file_quit").trigger()


def look_at(document):
    """Bring a document to the front."""
    for _ in K.documents():
        if K.activeDocument() != document:
            K.action("windows_next").trigger()
            yield 300
    assert K.activeDocument() == document
    yield 100


def shut(document):
    """Close a document as its user does."""
    document.waitForDone()
    yield from look_at(document)
    document.setModified(False)
    K.action("file_close").trigger()
    yield from wait_for(lambda: document not in K.documents(), 10, "closing")


def samples(width, height, code="B", channels=4):
    """Samples that differ everywhere, some of them half transparent."""
    top = {"B": 255, "H": 65535}.get(code, 0)
    values = []
    for y in range(height):
        for x in range(width):
            base = [(x * 5 + y * 3 + 20 * c) % 200 / 255 for c in range(channels - 1)] + [1.0 if x % 7 else 0.5]
            values += [round(value * top) if top else value for value in base]
    return struct.pack(f"<{len(values)}{code}", *values)


def filled(document, width=32, height=24, x=0, y=0, name="photo", parent=None):
    """A new paint layer with samples, active."""
    node = document.createNode(name, "paintlayer")
    data = samples(width, height, CODES[document.colorDepth()], 2 if document.colorModel() == "GRAYA" else 4)
    node.setPixelData(data, x, y, width, height)
    (parent or document.rootNode()).addChildNode(node, None)
    yield from wait_for(lambda: document.activeNode() == node, 60, "a new layer")  # Krita chooses it, once it knows it
    yield from choose(document, node)
    return node


def choose(document, node):
    """Make a layer the active one until it stays so: Krita chooses a new layer when it finds the time, maybe later."""
    document.waitForDone()
    calm = 0
    while calm < 10:
        if document.activeNode() != node:
            document.setActiveNode(node)
            calm = 0
        yield 50
        calm += 1
    assert document.activeNode() == node


def names(parent):
    return [each.name() for each in parent.childNodes() if each.type() != "selectionmask"]


def undo_text():
    return K.action("edit_undo").text().replace("&", "")


def undone(document, parent, before):
    """One step of undo takes the layer away, and the next is not ours."""
    assert undo_text() == "Undo Add Layer", undo_text()
    K.action("edit_undo").trigger()
    yield 300
    assert names(parent) == before, names(parent)
    K.action("edit_redo").trigger()
    yield 300


def scenario_formats():
    """Every model and depth: to the bit at strength 0, red in its place above it, one layer and one step of undo."""
    yield from show()
    for model, depth in [
        ("RGBA", "U8"),
        ("RGBA", "U16"),
        ("RGBA", "F16"),
        ("RGBA", "F32"),
        ("GRAYA", "U8"),
        ("GRAYA", "U16"),
    ]:
        document = yield from open_(32, 24, model, depth)
        node = yield from filled(document)
        before, data = names(document.rootNode()), node.pixelData(0, 0, 32, 24).data()
        said = yield from run()
        assert said.startswith("Done"), (model, depth, said)
        new = document.rootNode().childNodes()[-1]
        assert names(document.rootNode()) == [*before, "red 0 %"], names(document.rootNode())
        assert (new.colorModel(), new.colorDepth(), new.colorProfile()) == (model, depth, node.colorProfile())
        found = new.pixelData(0, 0, 32, 24).data()
        if depth == "F32":  # linear light, encoded and back
            form = f"<{len(data) // 4}f"
            pairs = list(zip(struct.unpack(form, found), struct.unpack(form, data)))
            assert max(abs(one - other) for one, other in pairs) < 1e-6
        else:
            assert found == data, (model, depth, "not to the bit")
        assert node.pixelData(0, 0, 32, 24).data() == data
        yield from undone(document, document.rootNode(), before)
        yield from choose(document, node)
        said = yield from run(strength=90, steps=20)
        assert said.startswith("Done"), (model, depth, said)
        new = next(each for each in document.rootNode().childNodes() if each.name() == "red 90 %")
        channels = 2 if model == "GRAYA" else 4
        found = struct.unpack(f"<{32 * 24 * channels}{CODES[depth]}", new.pixelData(0, 0, 32, 24).data())
        means = [sum(found[channel::channels]) for channel in range(channels - 1)]
        if model == "RGBA":
            red = 2 if depth in ("U8", "U16") else 0
            assert means[red] > 1.5 * means[2 - red], (depth, means)
        alpha = node.pixelData(0, 0, 32, 24).data()
        assert (
            found[channels - 1 :: channels]
            == struct.unpack(f"<{len(found)}{CODES[depth]}", alpha)[channels - 1 :: channels]
        )
        yield from shut(document)


def scenario_through_krita():
    """What the worker does not know is converted by Krita, and back."""
    yield from show()
    for model, depth in [("CMYKA", "U8"), ("LABA", "U16"), ("YCbCrA", "U8"), ("CMYKA", "F32")]:
        document = yield from open_(40, 30, "RGBA", "U8")
        node = yield from filled(document, 40, 30)
        document.setColorSpace(model, depth, K.profiles(model, depth)[0])
        document.waitForDone()
        yield 200
        said = yield from run()
        assert said.startswith("Done"), (model, depth, said)
        new = document.rootNode().childNodes()[-1]
        assert (new.name(), new.colorModel(), new.colorDepth()) == ("red 0 %", model, depth)
        for each in (node, new):
            each.setColorSpace("RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc")
        pairs = zip(node.pixelData(0, 0, 40, 30).data(), new.pixelData(0, 0, 40, 30).data())
        mean = sum(abs(one - other) for one, other in pairs) / (40 * 30 * 4)
        assert mean <= 6, (model, depth, mean)  # inks are not told apart by what they look like
        yield from shut(document)


PROFILES = "ClayRGB-elle-V2", "LargeRGB-elle-V2", "Rec2020-elle-V", "PQ"
"""Of wider colours than sRGB: parts of their names."""


def scenario_profiles():
    """Where a document is not sRGB: to the bit at strength 0, and a style's colours look as in sRGB, also previews."""
    yield from show()
    looks, layer = {}, K.openDocument(style())
    K.activeWindow().addView(layer)
    yield from wait_for(lambda: layer.activeNode() is not None)
    for profile in ("sRGB-elle-V2-srgbtrc", *PROFILES):
        name = next(each for each in sorted(K.profiles("RGBA", "U16")) if profile in each)
        document = yield from open_(64, 48)
        node = yield from filled(document, 64, 48)
        document.setColorSpace("RGBA", "U16", name)
        document.waitForDone()
        yield 200
        data = node.pixelData(0, 0, 64, 48).data()
        said = yield from run()
        new = document.rootNode().childNodes()[2]
        assert said.startswith("Done") and new.name() == "red 0 %", said
        assert new.colorProfile() == name and new.pixelData(0, 0, 64, 48).data() == data, (name, "not to the bit")
        yield from choose(document, node)
        said = yield from run(strength=80, steps=20)
        new = document.rootNode().childNodes()[2]
        assert said.startswith("Done") and new.name() == "red 80 %", said
        dock().styles._choose_layer(layer, layer.rootNode().childNodes()[0])
        yield from choose(document, node)
        paint()
        yield from wait_for(lambda: not dock().painter.busy)
        other = document.rootNode().childNodes()[2]
        pair = new.pixelData(0, 0, 64, 48).data()[1::2], other.pixelData(0, 0, 64, 48).data()[1::2]
        assert other != new and abs(mean(pair[0]) - mean(pair[1])) < 2, (name, "a layer as the style")
        new.setColorSpace("RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc")
        preview = dock().painter.image.convertToFormat(QImage.Format.Format_RGB888)
        shown = [preview.constScanLine(row).asstring(3 * preview.width()) for row in range(preview.height())]
        data = new.pixelData(0, 0, 64, 48).data()
        looks[profile] = [mean(data[2 - c :: 4]) for c in range(3)], [mean(b"".join(shown)[c::3]) for c in range(3)]
        yield from shut(document)
    yield from shut(layer)
    right = looks.pop("sRGB-elle-V2-srgbtrc")
    for profile, found in looks.items():
        far = [max(abs(a - b) for a, b in zip(*pair)) for pair in zip(found, right)]
        assert max(far) < 8, (profile, far, found, right)


def mean(values):
    return sum(values) / len(values)


def scenario_places():
    """Layers off the canvas, larger than it, in groups, and of other types; the active node may be a mask."""
    yield from show()
    document = yield from open_(64, 48)
    root = document.rootNode()
    group = document.createGroupLayer("group")
    root.addChildNode(group, None)
    lower = yield from filled(document, 50, 44, x=-10, y=-6, name="off", parent=group)
    large = yield from filled(document, 96, 80, x=-16, y=-16, name="large")
    clone = document.createCloneLayer("clone", lower)
    root.addChildNode(clone, None)
    whole = Selection()
    whole.select(0, 0, 64, 48, 255)
    fill = document.createFillLayer("fill", "color", InfoObject(), whole)
    root.addChildNode(fill, None)
    white = str(OUT / "white.png")
    QImage(bytes([250]) * 4 * 30 * 40, 30, 40, 120, QImage.Format.Format_RGBA8888).save(white)
    file = document.createFileLayer("file", white, "None")
    root.addChildNode(file, None)
    vector = document.createVectorLayer("vector")
    root.addChildNode(vector, None)
    vector.addShapesFromSvg(
        '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48">'
        '<rect x="8" y="8" width="40" height="30" fill="#2060c0"/></svg>'
    )
    mask = document.createTransparencyMask("mask")
    large.addChildNode(mask, None)
    document.refreshProjection()
    document.waitForDone()
    yield 300
    for node, parent, source in [
        (lower, group, lower),
        (large, root, large),
        (clone, root, clone),
        (vector, root, vector),
        (fill, root, fill),
        (file, root, file),
        (group, root, group),
        (mask, root, large),
    ]:
        yield from choose(document, node)
        before = names(parent)
        bounds = source.bounds() if source.type() == "paintlayer" else source.bounds() & document.bounds()
        said = yield from run()
        assert said.startswith("Done"), (node.name(), said)
        after = names(parent)
        above = after[after.index(source.name()) + 1]
        new = parent.childNodes()[after.index(source.name()) + 1]
        assert len(after) == len(before) + 1 and above == "red 0 %", (node.name(), after)
        rect = bounds.getRect()
        assert new.pixelData(*rect).data() == source.projectionPixelData(*rect).data(), node.name()
        assert any(new.pixelData(*rect).data()), node.name()
        yield from undone(document, parent, before)
        new.remove()
        yield 100
    yield from shut(document)


def scenario_selection():
    """A soft selection: painted inside, nothing outside, its edge in the alpha; and the layer below untouched."""
    yield from show()
    document = yield from open_(64, 48)
    node = yield from filled(document, 64, 48)
    data = node.pixelData(0, 0, 64, 48).data()
    chosen = Selection()
    chosen.select(16, 12, 32, 24, 255)
    chosen.feather(3)
    document.setSelection(chosen)
    yield 200
    said = yield from run()
    assert said.startswith("Done"), said
    new = next(each for each in document.rootNode().childNodes() if each.name() == "red 0 %")
    soft, alpha = chosen.pixelData(0, 0, 64, 48).data(), new.pixelData(0, 0, 64, 48).data()[3::4]
    assert list(alpha) == [(one * other + 127) // 255 for one, other in zip(data[3::4], soft)]
    assert len(set(soft)) > 4 and node.pixelData(0, 0, 64, 48).data() == data
    yield from undone(document, document.rootNode(), ["Background", "photo"])
    yield from choose(document, node)
    away = Selection()
    away.select(200, 200, 9, 9, 255)
    document.setSelection(away)
    yield 200
    said = yield from run()
    assert "does not touch" in said, said
    yield from shut(document)


def scenario_two_documents():
    """The layer goes where it was asked for, whichever document is looked at."""
    yield from show()
    one = yield from open_(48, 32)
    yield from filled(one, 48, 32)
    other = yield from open_(40, 40)
    yield from filled(other, 40, 40)
    yield from look_at(one)
    before = names(one.rootNode()), names(other.rootNode())
    yield from run(**LONG)
    yield from look_at(other)
    assert row() == ["Stop", "Stop and keep"], row()
    dock().foot.keep.click()
    yield from wait_for(lambda: not dock().painter.busy)
    assert K.activeDocument() == other
    assert (names(one.rootNode()), names(other.rootNode())) == ([*before[0], "red 50 %"], before[1])
    photo, new = (each.pixelData(0, 0, 48, 32).data() for each in one.rootNode().childNodes()[-2:])
    assert new[3::4] == photo[3::4] and new != photo
    one.waitForDone()  # x from 1 to 6 is opaque: there the picture is the new layer
    shown = one.pixelData(1, 2, 6, 9).data()
    assert shown == one.rootNode().childNodes()[-1].pixelData(1, 2, 6, 9).data(), "Krita does not show it"
    yield from undone(other, other.rootNode(), ["Background"])
    yield from look_at(one)
    yield from undone(one, one.rootNode(), before[0])
    for document in (one, other):
        yield from shut(document)


def scenario_refusals():
    """What cannot be painted is said in a sentence."""
    yield from show()
    said = yield from run()
    assert "Open a picture first" in said, said
    document = yield from open_(48, 32)
    node = yield from filled(document, 48, 32)
    dock().painter.settings.styles = []
    paint()
    assert "Choose a style first" in message()
    empty = document.createNode("void", "paintlayer")
    document.rootNode().addChildNode(empty, None)
    yield from wait_for(lambda: document.activeNode() == empty)
    said = yield from run()
    assert "is empty" in said, said
    yield from choose(document, node)
    said = yield from run(network="vgg19")
    assert "impasto weights get vgg19" in said, said
    said = yield from run(steps="many")
    assert "steps" in said, said
    said = yield from run(styles=["/nowhere/none.png"])
    assert "none.png" in said, said
    group = document.createGroupLayer("shut")
    document.rootNode().addChildNode(group, None)
    inner = yield from filled(document, name="inner", parent=group)
    group.setLocked(True)
    yield from choose(document, inner)
    said = yield from run()
    assert '"shut" is locked' in said, said
    assert len(names(document.rootNode())) == 4
    yield from shut(document)


def scenario_meanwhile():
    """The document changes, goes away, or the painter has enough: a sentence, and no layer but a kept one."""
    yield from show()
    document = yield from open_(48, 32)
    node = yield from filled(document, 48, 32)
    before = names(document.rootNode())
    painter = dock().painter
    yield from run(**LONG)
    assert painter.busy and dock().foot.stop.isEnabled()
    dock().foot.stop.click()
    assert not painter.busy and message() == "Stopped: nothing was kept." and names(document.rootNode()) == before
    yield from run(**LONG)
    dock().foot.keep.click()
    yield from wait_for(lambda: not painter.busy)
    assert message().startswith("Done"), message()
    assert names(document.rootNode()) == [*before, "red 50 %"]
    yield from choose(document, node)
    yield from run(**LONG)
    yield from shut(document)
    yield from wait_for(lambda: not painter.busy)
    assert "closed" in message(), message()


def scenario_kept():
    """A painting is kept: beside its source, which was moved; on top, where that is gone; or in a new document."""
    yield from show()
    document = yield from open_(48, 32)
    node = yield from filled(document, 48, 32)
    data = node.pixelData(0, 0, 48, 32).data()
    yield from filled(document, 48, 32, name="above")
    yield from choose(document, node)
    yield from run(**LONG)
    document.resizeImage(-7, 0, 60, 32)
    yield from wait_for(lambda: document.width() == 60)
    yield from kept()
    new = node.parentNode().childNodes()[2]
    assert names(document.rootNode())[1:] == ["photo", "red 50 %", "above"], names(document.rootNode())
    assert new.bounds() == node.bounds() and new.bounds().x() == 7, (new.bounds(), node.bounds())
    assert new.pixelData(7, 0, 48, 32).data()[3::4] == data[3::4] and new.pixelData(7, 0, 48, 32).data() != data
    yield from undone(document, document.rootNode(), ["Background", "photo", "above"])
    yield from choose(document, node)
    yield from run(**LONG)
    node.setPixelData(bytes(4), 56, 20, 1, 1)
    node.setPixelData(bytes([9]) * 4, 57, 20, 1, 1)
    assert "where that was" in (yield from kept()), message()
    yield from choose(document, node)
    chosen = Selection()
    chosen.select(10, 8, 20, 16, 255)
    document.setSelection(chosen)
    yield from run(**LONG)
    node.remove()
    yield from wait_for(lambda: node.uniqueId() not in [each.uniqueId() for each in document.rootNode().childNodes()])
    assert "on top of all" in (yield from kept()), message()
    new = [each for each in document.rootNode().childNodes() if each.type() != "selectionmask"][-1]
    assert new.name() == "red 50 %" and new.bounds().getRect() == (10, 8, 20, 16), (new.name(), new.bounds())
    document.setSelection(None)
    above = next(each for each in document.rootNode().childNodes() if each.name() == "above")
    yield from choose(document, above)
    document.setSelection(chosen.duplicate())
    yield from run(**LONG)
    painter = dock().painter

    def close():
        if painter.state.name == "ADDING" and document in K.documents():
            document.setModified(False)
            K.action("file_close").trigger()

    painter.changed.connect(close)
    said = yield from kept()
    painter.changed.disconnect(close)
    assert "in a new one" in said, said
    assert document not in K.documents() and len(K.documents()) == 1
    other = K.documents()[0]
    yield from wait_for(lambda: other.activeNode() is not None)
    new = other.rootNode().childNodes()[-1]
    assert (new.name(), new.bounds().getRect()) == ("red 50 %", (0, 0, 20, 16)) and other.width() == 20
    assert other.modified() and K.activeDocument() == other
    yield from shut(other)


def kept():
    """Stop and keep, and what is said."""
    dock().foot.keep.click()
    yield from wait_for(lambda: not dock().painter.busy)
    yield 100
    assert message().startswith("Done"), message()
    return message()


def scenario_again():
    """Trying again paints what was painted, not the painting; and the last try is kept, replaced or discarded."""
    yield from show()
    document = yield from open_(48, 32)
    node = yield from filled(document, 48, 32)
    data, root = node.pixelData(0, 0, 48, 32).data(), document.rootNode()
    foot = dock().foot
    yield from run(strength=60, steps=20)
    yield from wait_for(lambda: document.activeNode().name() == "red 60 %", 10, "Krita")
    yield from wait_for(lambda: row() == KEPT and dock().origin.text() == "photo", 5, "the docker")
    assert root.childNodes()[-1].pixelData(0, 0, 48, 32).data() != data
    assert not dock().notice.isVisible(), dock().notice.text()  # trying again replaces what hides the layer
    settings(strength=0)
    K.action("impasto_again").trigger()
    yield from wait_for(lambda: not dock().painter.busy)
    yield 300
    new = root.childNodes()[2]
    assert new.name() == "red 0 %" and new.pixelData(0, 0, 48, 32).data() == data, "it painted the painting"
    assert json.loads(document.annotation("impasto " + new.uniqueId().toString()).data())["source"] == (
        node.uniqueId().toString()
    )
    settings(strength=10)
    foot.retry.click()
    yield from wait_for(lambda: not dock().painter.busy)
    yield 300
    assert names(root) == ["Background", "photo", "red 10 %", "red 60 %"], names(root)
    foot.discard.click()
    yield 300
    assert names(root) == ["Background", "photo", "red 60 %"] and row() == ["Paint"], names(root)
    assert undo_text() == "Undo Remove Layer", undo_text()
    yield from run()
    yield from wait_for(lambda: row() == KEPT, 5, "the docker")
    foot.accept.click()
    assert row() == ["Paint"], row()
    yield 200
    assert dock().notice.text() == 'The layer "red 0 %" hides what will be painted.', dock().notice.text()
    assert names(root) == ["Background", "photo", "red 0 %", "red 60 %"], names(root)
    dock()._list_layers()
    titles = [action.text() for action in dock().layers.actions()]
    assert titles == ["red 60 %", "red 0 %", "photo", "Background"], titles
    painted = root.childNodes()[-1]
    dock().layers.actions()[0].trigger()
    assert dock().origin.text() == "red 60 %"
    for _ in range(2):  # a result too, where it is wanted, until another layer is
        yield from run()
        yield 400
        assert dock().origin.text() == "red 60 %"
        new = document.activeNode()
        assert new.pixelData(0, 0, 48, 32).data() == painted.pixelData(0, 0, 48, 32).data()
    yield from choose(document, root.childNodes()[0])
    yield from wait_for(lambda: dock().origin.text() == "Background", 5, "the docker")
    yield from shut(document)


def scenario_foot():
    """One row of buttons, of what can be done now, in sight at 250 x 300 pixels with what is said and in one place."""
    yield from show()
    document = yield from open_(48, 32)
    yield from filled(document, 48, 32)
    window, foot = dock(), dock().foot
    window.setFloating(True)
    window.setGeometry(100, 100, 250, 300)  # all of it on the screen
    yield 400
    assert (window.width(), window.height()) == (250, 300), window.size()
    yield from seen(foot.go)
    place = foot.row.mapTo(window, QPoint())
    before = names(document.rootNode())
    settings(strength=50, steps=100000)
    window.activateWindow()
    yield from click(foot.go, 2)
    yield from wait_for(foot.keep.isEnabled, 60, "painting")
    assert row() == ["Stop", "Stop and keep"] and foot.hasFocus(), row()
    yield from seen(foot.stop, foot.keep, foot.bar)
    assert foot.row.mapTo(window, QPoint()) == place, "the buttons have moved"
    yield from click(foot.keep)
    yield from wait_for(lambda: row() == KEPT, 60, "the result")
    yield from seen(foot.message.label, foot.discard, foot.retry, foot.accept)
    assert foot.row.mapTo(window, QPoint()) == place, "the buttons have moved"
    foot.say("A sentence that is long. " * 40)
    yield 200
    yield from seen(foot.discard, foot.retry, foot.accept)
    assert 30 < foot.message.label.visibleRegion().boundingRect().height() < foot.message.label.height()
    assert window.area.height() >= 60 and window.height() == 300, window.area.size()
    foot.say("")
    yield from click(foot.accept, 2)
    yield from wait_for(lambda: row() == ["Paint"], 5, "keeping it")
    assert not dock().painter.busy and len(names(document.rootNode())) == len(before) + 1, "it has painted once more"
    window.setFloating(False)
    yield from shut(document)


def click(widget, times=1):
    """The mouse, on the middle of a widget."""
    place = widget.mapToGlobal(widget.rect().center())
    at = [str(place.x()), str(place.y())]
    subprocess.Popen(["xdotool", "mousemove", *at, "click", "--repeat", str(times), "--delay", "60", "1"])
    yield 150 + 100 * times


def press(keys, how="key"):
    """Keys of the keyboard; the process that presses them."""
    return subprocess.Popen(["xdotool", how, keys])


def scenario_form():
    """What is set stands in the order and the words of GIMP's dialog; the style is said, and framed in the gallery."""
    yield from show(preview=True)
    document = yield from open_(600, 450)
    node = yield from filled(document, 600, 450)
    window, styles, painter = dock(), dock().styles, settings(strength=50)
    window.setFloating(True)
    window.resize(300, 800)
    gallery, knobs = (
        styles.gallery,
        [window.controls[name] for name in ("strength", "colour", "stroke_size", "quality")],
    )
    yield from wait_for(lambda: not gallery.item(gallery.count() - 1).icon().isNull(), 30, "the thumbnails")
    yield from drafted(lambda: styles._picked(gallery.item(3)))
    yield 200
    body = window.area.widget()
    order = [window.origin, styles.kind, gallery, window.preview.picture, *knobs, window.fold]
    places = [each.mapTo(body, QPoint()).y() for each in order]
    assert places == sorted(places) and all(each.isVisible() for each in order), places
    labels = [each for each in window.rest.findChildren(QLabel) if each.isVisible() and each.buddy()]
    words = [each.text().replace("&", "") for each in sorted(labels, key=lambda each: each.mapTo(body, QPoint()).y())]
    assert words == ["Paint from", "Style from", "Strength", "Colours", "Stroke width", "Quality"], words
    assert styles.kind.text() == "Included" and not styles.rows.count(), styles.kind.text()
    place = gallery.visualItemRect(gallery.item(3))
    chosen = gallery.viewport().grab(place).toImage()
    styles._picked(gallery.item(2))
    yield 100
    other = gallery.viewport().grab(place).toImage()
    inner = QRect(4, 4, place.width() - 8, place.height() - 8)
    assert chosen != other and chosen.copy(inner) == other.copy(inner), "the chosen style is not as it is"
    kinds = {each.text(): each for each in styles.kind.menu().actions()}
    assert list(kinds) == ["Included", "A picture file...", "A layer"], kinds
    drop(style())
    assert styles.kind.text() == "A picture file" and styles.rows.count() == 1
    styles._choose_layer(document, node)
    assert styles.kind.text() == "A layer" and styles.rows.count() == 1
    kinds["Included"].trigger()
    assert styles.kind.text() == "Included" and [each.title for each in painter.settings.styles] == ["oil"]
    shown = {gallery.item(number).text(): gallery.item(number) for number in range(gallery.count())}
    assert "Stained glass" in shown and "Oil" in shown, shown
    styles._picked(shown["Stained glass"])
    assert painter.settings.styles[0].request() == {"name": "stained-glass"} and gallery.currentItem().isSelected()
    assert gallery.currentItem() is shown["Stained glass"] and painter.settings.title() == "stained-glass 50 %"
    kinds["Included"].trigger()
    styles.choose(painter.settings.styles[0], add=True)
    styles._choose_file(style(), add=True)
    assert styles.kind.text() == "Several, mixed" and styles.rows.count() == 2
    settings()
    for width in (250, 420):
        window.resize(width, 800)
        yield 300
        assert window.width() == width and body.width() <= window.area.viewport().width(), (width, body.width())
    window.setFloating(False)
    yield from shut(document)


def scenario_before():
    """Holding B shows the layer as it is, whatever of the docker has the focus; letters are typed where they can be."""
    yield from show()
    document = yield from open_(600, 450)
    yield from filled(document, 600, 450)
    settings(strength=80)
    window, picture = dock(), dock().preview.picture
    yield from drafted(lambda: window.preview.follow.setChecked(True))
    window.setFloating(True)
    window.resize(300, 800)
    yield 300
    window.activateWindow()
    shown = lambda: picture.pixmap().toImage()  # noqa: E731
    after = shown()
    assert "key B" in picture.toolTip()
    for widget in (picture, window.controls["strength"].spin, window.controls["quality"].box, window.styles.gallery):
        widget.setFocus()
        yield from wait_for(widget.hasFocus, 5, "the focus")
        value, chosen = window.controls["strength"].value(), window.styles.gallery.currentRow()
        press("b", "keydown")
        yield from wait_for(lambda: shown() != after, 5, "the layer")
        before = shown()
        yield 1200  # the keyboard repeats it
        assert shown() == before, type(widget).__name__
        press("b", "keyup")
        yield from wait_for(lambda: shown() == after, 5, "the painting")
        assert (value, chosen) == (window.controls["strength"].value(), window.styles.gallery.currentRow())
    press("b", "keydown")
    yield from wait_for(lambda: shown() == before, 5, "the layer")
    picture.setFocus()
    assert shown() == after, "the focus has gone, and it is still held"
    up = press("b", "keyup")
    yield from wait_for(lambda: up.poll() == 0, 5, "the key")  # one that is held is not pressed anew
    window.fold.setChecked(True)
    line = window.controls["tv_weight"].line
    line.setFocus()
    yield from wait_for(line.hasFocus, 5, "the focus")
    press("b")
    yield from wait_for(lambda: line.text() == "b", 5, "a letter")
    line.clear()
    window.fold.setChecked(False)
    window.setFloating(False)
    window.preview.follow.setChecked(False)
    yield from shut(document)


def seen(*widgets):
    """Each of them is whole within the docker."""
    yield 100
    window = dock()
    for each in widgets:
        assert each.isVisible(), each.objectName()
        place = QRect(each.mapTo(window, QPoint()), each.size())
        assert window.rect().contains(place) and not each.visibleRegion().isEmpty(), (type(each).__name__, place)
        assert each.visibleRegion().boundingRect() == each.rect(), (type(each).__name__, place)


def scenario_words():
    """The bar says what comes into being, and how long it takes yet."""
    yield from show()
    document = yield from open_(512, 384)
    yield from filled(document, 512, 384)
    painter, words = dock().painter, []
    painter.heard.connect(lambda event: event.type == "progress" and words.append(dock().foot.bar.text()))
    said = yield from run(strength=50, init="content", scales=None, steps=4)
    assert said.startswith("Done"), said
    kinds = [word.split(",")[0] for word in words]
    assert list(dict.fromkeys(kinds)) == ["Rough shapes", "Details", "Fine strokes"], kinds
    assert words[-1].endswith("s left"), words
    yield from shut(document)


def scenario_history():
    """A click chooses the layer of a painting, and shows it; a double click brings its settings back."""
    yield from show()
    document = yield from open_(48, 32)
    yield from filled(document, 48, 32)
    yield from run(strength=20)
    yield from run(strength=40)
    yield from choose(document, document.rootNode().childNodes()[1])
    first = next(each for each in document.rootNode().childNodes() if each.name() == "red 20 %")
    first.setVisible(False)
    other = yield from open_(40, 40)
    history = dock().history
    assert history.label.isVisible() and history.label.text() == "Earlier paintings"
    dock().area.ensureWidgetVisible(history)
    place = history.visualItemRect(history.item(1)).center()
    QTest.mouseClick(history.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    yield from wait_for(lambda: document.activeNode() == first, 5, "choosing its layer")
    assert K.activeDocument() == document and first.visible()
    assert dock().controls["strength"].value() == 40
    QTest.mouseDClick(history.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert dock().controls["strength"].value() == 20
    first.remove()
    yield 300
    QTest.mouseClick(history.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert "not there any more" in message(), message()
    yield from shut(document)
    QTest.mouseClick(history.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert "not there any more" in message(), message()
    yield from shut(other)


def scenario_keys():
    """Alt and a letter paints, Escape stops; and what has no text of its own has a name for those who do not see it."""
    yield from show()
    document = yield from open_(48, 32)
    yield from filled(document, 48, 32)
    window, painter, before = dock(), settings(strength=50, steps=100000), names(document.rootNode())
    window.setFloating(True)
    window.activateWindow()
    box = window.controls["strength"].spin
    box.setFocus()
    yield from wait_for(box.hasFocus, 5, "the focus")
    press("alt+a")
    yield from wait_for(lambda: painter.state.name == "PAINTING", 30, "Alt+P")
    press("Escape")
    yield from wait_for(lambda: not painter.busy, 5, "Escape")
    assert message() == "Stopped: nothing was kept." and names(document.rootNode()) == before, message()
    for kind in (QSpinBox, QDoubleSpinBox, QComboBox, QSlider, QListWidget, QProgressBar, QToolButton):
        for each in window.widget().findChildren(kind):
            named = each.accessibleName() or (kind is QToolButton and each.text())
            assert named or not each.isVisible(), (kind.__name__, each.parent())
    window.setFloating(False)
    ours = set(window.widget().findChildren((QAbstractButton, QLabel)))
    everywhere = {each for each in QApplication.allWidgets() if isinstance(each, (QAbstractButton, QLabel))}
    assert {"A", "O", "K", "Y", "C", "M", "G", "D", "U", "Q"} == letters(ours)
    others = letters(each for each in everywhere - ours if each.isVisible())
    others |= letters(K.activeWindow().qwindow().menuBar().actions())
    assert not letters(ours) & others, sorted(letters(ours) & others)
    yield from shut(document)


def letters(things):
    """The keys that are underlined in their texts."""
    texts = [each.text().replace("&&", "") for each in things]
    return {text.partition("&")[2][:1].upper() for text in texts if "&" in text and "<" not in text}


def drafted(change):
    """The picture in the docker once a draft has come to its end after `change`."""
    process, ends = dock().painter.process, []

    def note(event):
        if event.type in ("done", "failed"):
            ends.append(event.type)

    process.heard.connect(note)
    change()
    yield from wait_for(lambda: ends, 60, "a draft")
    process.heard.disconnect(note)
    assert ends == ["done"], message()
    return QImage(dock().draft.image)


def scenario_draft():
    """A draft follows the controls, and makes no layer; before is shown while the mouse is held on it."""
    yield from show()
    document = yield from open_(600, 450)
    node = yield from filled(document, 600, 450)
    document.waitForDone()
    document.setModified(False)
    before, undo = names(document.rootNode()), undo_text()
    painter, draft = settings(strength=50), dock().draft
    strength, preview = dock().controls["strength"], dock().preview
    first = yield from drafted(lambda: preview.follow.setChecked(True))
    assert (first.width(), first.height()) == (384, 288), first.size()
    assert preview.caption.text() == "Rough draft at 384 pixels" and preview.picture.isVisible()
    source = draft._source
    second = yield from drafted(lambda: strength.set(90))
    assert second != first and draft._source is source, "the layer was read again"
    third = yield from drafted(lambda: strength.set(50))
    assert third != second
    shown = preview.picture.pixmap().toImage()
    QTest.mousePress(preview.picture, Qt.MouseButton.LeftButton)
    held = preview.picture.pixmap().toImage()
    QTest.mouseRelease(preview.picture, Qt.MouseButton.LeftButton)
    assert held != shown and held.size() == shown.size() and preview.picture.pixmap().toImage() == shown
    wanted = draft.before.scaled(held.size(), transformMode=Qt.TransformationMode.SmoothTransformation)
    assert held == wanted.convertToFormat(held.format()), "it is not the layer"
    other = yield from drafted(lambda: dock().styles._picked(dock().styles.gallery.item(2)))
    assert other != third
    assert names(document.rootNode()) == before and not document.modified() and undo_text() == undo
    changed = yield from drafted(lambda: node.setPixelData(bytes((0, 0, 255, 255)) * 90000, 0, 0, 300, 300))
    assert changed != other and draft._source is not source
    chosen = Selection()
    chosen.select(0, 0, 300, 450, 255)
    yield from drafted(lambda: document.setSelection(chosen))
    right = QRect(200, 20, 180, 260)
    assert near(draft.image.copy(right), draft.before.copy(right)) and not near(draft.image, draft.before)
    yield from drafted(lambda: painter.settings.knobs.update(steps="many"))  # those of a painting that is to be good
    assert not message(), message()
    painter.settings.knobs["tv_weight"] = "much"
    yield from wait_for(lambda: "tv_weight" in message(), 10, "the failure of a draft")
    del painter.settings.knobs["tv_weight"]
    yield from wait_for(lambda: not message(), 10, "a draft that is well")
    yield from shut(document)


def near(one, other):
    """Whether pictures are the same, but for rounding."""
    pairs = zip(pixels_of(one), pixels_of(other))
    return max(abs(a - b) for a, b in pairs) <= 3


def pixels_of(image):
    small = image.convertToFormat(QImage.Format.Format_RGBA8888)
    bits = small.constBits()
    bits.setsize(small.sizeInBytes())
    return bytes(bits)


def scenario_draft_gives_way():
    """Paint during a draft paints as ever; nothing is sent while the docker is hidden; and the check box is kept."""
    yield from show()
    document = yield from open_(600, 450)
    node = yield from filled(document, 600, 450)
    yield from run(strength=60, size=512)
    usual = document.rootNode().childNodes()[-1].pixelData(0, 0, 600, 450).data()
    yield from choose(document, node)
    painter, draft = dock().painter, dock().draft
    dock().preview.follow.setChecked(True)
    session = painter.process.session
    dock().controls["strength"].set(61)
    yield from wait_for(lambda: draft._job, 10, "a draft")
    job = draft._job
    dock().controls["strength"].set(60)
    assert job in session.jobs
    paint()
    assert draft.image.isNull() and not draft._job
    yield from wait_for(lambda: not painter.busy)
    assert message().startswith("Done"), message()
    yield 600
    assert names(document.rootNode()) == ["Background", "photo", "red 60 %", "red 60 %"]
    painted = document.rootNode().childNodes()[2]
    assert painted.pixelData(0, 0, 600, 450).data() == usual, "a draft has changed the painting"
    assert draft.image.isNull() and not dock().preview.caption.text(), "the result is not shown"
    dock().setVisible(False)
    yield 100
    dock().setVisible(True)
    yield 1200
    assert draft.image.isNull(), "the result has given way to a draft, though nothing has changed"
    yield from drafted(lambda: dock().controls["strength"].set(30))
    assert json.loads((OUT / "data/krita/impasto-settings.json").read_text())["preview"] is True
    dock().setVisible(False)
    yield 100
    sent = session._count
    dock().controls["strength"].set(80)
    yield 1200
    assert session._count == sent, "a hidden docker asks for drafts"
    again = yield from drafted(lambda: dock().setVisible(True))
    assert not again.isNull()
    dock().preview.follow.setChecked(False)
    sent = session._count
    dock().controls["strength"].set(20)
    yield 1200
    assert session._count == sent and draft.image.isNull()
    yield from shut(document)


TEXTS = "text title windowTitle toolTip whatsThis statusTip accessibleName accessibleDescription placeholderText"
TEXTS += " prefix suffix specialValueText format"
KEPT_ENGLISH = {
    *("px", "p"),  # the units, and %p of Qt's bar
    *("picture", "photo", "Background", "red", "red.png", "oil", "impasto"),  # documents, layers and files
    *("vgg16", "vgg19", "wavelet"),  # networks
    *("matched", "auto", "torch", "cpu", "many"),  # what is or may be typed
    *("gatys2016", "gatys-notebook", "johnson", "gordic", "crowson", "mahendran", "nnst", "strotss"),  # papers
    *("float32", "bfloat16", "lbfgs", "adam", "none", "armijo"),
}


def scenario_translated():
    """In another language, in which all that is translated stands in brackets, nothing is shown outside of them."""
    yield from show(preview=True)
    document = yield from open_(600, 450)
    node = yield from filled(document, 600, 450)
    document.rootNode().childNodes()[0].setPixelData(samples(600, 4) * 112, 0, 0, 600, 448)
    window, painter, styles, panel = dock(), settings(strength=50), dock().styles, dock().setup
    styles.mix.setChecked(True)
    styles._picked(styles.gallery.item(5))
    styles._choose_layer(document, document.rootNode().childNodes()[0])
    window.fold.setChecked(True)
    window.setFloating(True)
    window.resize(250, 900)
    yield from wait_for(lambda: window.preview.caption.text(), 60, "a draft")
    assert styles.rows.count() == 3
    styles._list_layers()
    window._list_layers()
    chosen = Selection()
    chosen.select(0, 0, 300, 300, 255)
    document.setSelection(chosen)
    window._looked = ""
    window._look()
    assert window.notice.isVisible()
    yield from in_brackets("idle")
    document.setSelection(None)
    yield from run(**LONG)
    yield from in_brackets("painting")
    window.foot.keep.click()
    yield from wait_for(lambda: not painter.busy)
    yield from in_brackets("done")
    painter.settings.styles = []
    paint()
    yield from in_brackets("refused")
    yield from choose(document, node)
    yield from run(steps="many")
    yield from in_brackets("failed")
    known = OUT / "data/krita/pykrita/impasto/impasto.json"
    right = known.read_text()
    known.write_text("{}")
    try:
        painter.process.close()
        painter.warm()
        yield from wait_for(panel.isVisible, 30, "the offer")
        yield from in_brackets("set_up")
        panel._found("/bin/true")
        yield from in_brackets("set_up_refused")
    finally:
        known.write_text(right)
    window.setFloating(False)
    window.fold.setChecked(False)
    yield from shut(document)


def in_brackets(state):
    """All that the docker and the menu have to say. A picture of it is kept."""
    yield 400
    dock().grab().save(str(OUT / f"translated_{state}.png"))
    assert message() or dock().notice.text() or dock().setup.isVisible() or dock().foot.bar.isVisible(), state
    texts = list(shown(dock()))
    area = dock().area
    assert dock().width() == 250 and area.widget().width() <= area.viewport().width(), (state, dock().width())
    assert len(texts) > 100 and any("\u27e6" in text for _, text in texts), len(texts)
    left = {f"{kind}: {text}" for kind, text in texts if outside(text) - KEPT_ENGLISH}
    assert not left, (state, sorted(left))


def outside(text):
    """The words of a text that are not in brackets."""
    text, before = re.sub("<[^>]*>", " ", text).replace(f"{OUT}/", ""), ""
    while text != before:
        text, before = re.sub("\u27e6[^\u27e6\u27e7]*\u27e7", " ", text), text
    return set(re.findall(r"[^\W\d_][\w.-]*", text))


def shown(whole):
    """Every text of what is in the docker and its menus, and of our action, be it seen now or later."""
    widgets = [whole.widget(), *whole.widget().findChildren(QWidget), *whole.findChildren(QMenu)]
    actions = [action for each in widgets for action in each.actions()]
    yield "our action", K.action("impasto_again").text()  # its tip is Krita's affair, which reads impasto.action
    for each in [whole, *widgets, *actions]:
        for name in TEXTS.split():
            told = getattr(each, name, None)
            text = told() if callable(told) else None
            if isinstance(text, str) and text:
                yield f"{type(each).__name__}.{name}", text
        if isinstance(each, (QComboBox, QListWidget)):
            model = each.model()
            for number in range(model.rowCount()):
                for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
                    yield f"{type(each).__name__} {number}", model.data(model.index(number, 0), role) or ""


def scenario_import_from_file():
    """Krita's importer: the packed plug-in goes in and is enabled, and a ZIP file of the repository is refused."""
    EXTENSIONS.extend(K.extensions())
    (importer,) = [each for each in EXTENSIONS if type(each).__name__ == "PluginImporterExtension"]
    said = ANSWERED
    importer.do_import(str(OUT / "repository.zip"))
    assert said.pop()[1].count("No plugins found in archive") == 1, said
    importer.do_import(str(OUT / "impasto-krita.zip"))
    assert said.pop()[0] == "Activate Plugins?" and not said, said
    plugin = OUT / "data/krita/pykrita/impasto"
    assert (plugin / "client.py").is_file() and (plugin / "manual.html").is_file()
    assert K.readSetting("python", "enable_impasto", "") == "true"
    yield 100


def scenario_set_up():
    """Without a worker the docker offers to install one: it is cancelled, then done, and paints; without a terminal."""
    dock().setVisible(True)
    dock().raise_()
    panel, place, painter = dock().setup, OUT / "data/impasto/worker", dock().painter
    yield from wait_for(panel.isVisible, 30, "the offer")
    assert panel.what.text().startswith("Painting is done by a program of its own, impasto, which is not here yet.")
    assert "GB to download" in panel.what.text() and str(place) in panel.install.toolTip()
    assert not message(), message()
    for each in (dock().styles, dock().origin, dock().foot.row, dock().foot.bar):
        assert not each.isVisible(), each
    for each in dock().findChildren((QAbstractButton, QLabel)):
        assert "gimp" not in (each.text() + each.toolTip()).lower(), each.text()
    assert panel.install.isDefault()
    yield 300
    dock().setFloating(True)
    dock().resize(300, 420)
    yield 300
    dock().grab().save(str(OUT / "set_up_offer.png"))
    panel.copy.click()
    assert f"-m venv {place} && {place}/bin/python -m pip install" in QApplication.clipboard().text()
    panel._found("/bin/true")
    assert "/bin/true does not start as impasto does" in panel.line.text(), panel.line.text()
    panel.install.click()
    yield from wait_for(place.exists, 60, "the folder")
    panel.stop.click()
    yield from wait_for(lambda: painter.installer is None, 20, "cancelling")
    assert panel.line.text() == "Stopped: nothing was kept.", panel.line.text()
    assert not place.exists() and panel.install.isVisible()
    begin = time.monotonic()
    panel.install.click()
    yield from wait_for(lambda: panel.line.text(), 60, "the first line")
    assert panel.bar.isVisible() and not panel.install.isVisible() and "Go on drawing" in panel.what.text()
    dock().grab().save(str(OUT / "set_up_work.png"))
    yield from wait_for(lambda: painter.hello, what="the worker")
    took = time.monotonic() - begin
    assert not panel.isVisible() and place.exists() and not message(), message()
    assert dock().styles.isVisible() and dock().origin.isVisible() and dock().foot.go.isVisible()
    dock().setFloating(False)
    assert [each.title for each in painter.settings.styles] == ["oil"] and dock().foot.go.isEnabled()
    known = json.loads((OUT / "data/krita/pykrita/impasto/impasto.json").read_text())
    assert known["worker"] == [str(place / "bin/python"), "-m", "impasto", "worker"], known
    document = yield from open_(48, 32)
    yield from filled(document, 48, 32)
    yield from run(strength=60, steps=20)
    assert names(document.rootNode()) == ["Background", "photo", "red 60 %"], message()
    (OUT / "set_up.txt").write_text(f"installed in {took:.1f} s")


def scenario_imported():
    """The plug-in that was imported from a file is whole: it finds a worker and paints, by its menu's action too."""
    yield from show()
    document = yield from open_(48, 32)
    yield from filled(document, 48, 32)
    yield from run(strength=60, steps=20)
    assert names(document.rootNode()) == ["Background", "photo", "red 60 %"], message()
    assert K.action("impasto_again") is not None


def scenario_hidden():
    """Where the docker is hidden, the canvas tells of work, of its end and of refusals."""
    yield from show()
    document = yield from open_(256, 192)
    node = yield from filled(document, 256, 192)

    def floating():
        kinds = [each for each in QApplication.allWidgets() if each.metaObject().className() == "KisFloatingMessage"]
        return [each for each in kinds if each.isVisible()]

    yield from wait_for(lambda: not floating(), 20, "an earlier message")
    painter = settings(strength=30)
    K.action("impasto_again").trigger()
    yield 300
    assert not floating(), "the docker says it already"
    yield from wait_for(lambda: not painter.busy)
    yield from choose(document, node)
    dock().setVisible(False)
    yield 100
    K.action("impasto_again").trigger()
    yield from wait_for(floating, 3, "a message of the work")
    floating()[0].grab().save(str(OUT / "floating.png"))
    yield from wait_for(lambda: not painter.busy)
    yield 300
    floating()[0].grab().save(str(OUT / "floating_done.png"))
    yield from wait_for(lambda: not floating(), 20, "the end of the message")
    painter.settings.styles = []
    K.action("impasto_again").trigger()
    yield from wait_for(floating, 3, "a message of the refusal")
    dock().setVisible(True)
    yield from shut(document)


def scenario_notices():
    """Before painting it says what one may not expect: what is selected, a frame, a cover, a profile, the size."""
    yield from show()
    document = yield from open_(64, 16)
    node = yield from filled(document, 64, 16)

    def told():
        dock()._looked = ""  # as when the mouse is over the docker
        dock()._look()
        return dock().notice.text() if dock().notice.isVisible() else ""

    assert told() == "", told()
    chosen = Selection()
    chosen.select(4, 4, 20, 8, 255)
    document.setSelection(chosen)
    assert told() == "Only what is selected is painted.", told()
    document.setSelection(None)
    document.waitForDone()
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    over = document.createNode("over", "paintlayer")
    over.setPixelData(bytes([9, 9, 9, 255]) * 64 * 16, 0, 0, 64, 16)
    group.addChildNode(over, None)
    document.refreshProjection()
    document.waitForDone()
    yield from choose(document, node)
    assert told() == 'The layer "group" hides what will be painted.', told()
    for hide in (lambda: group.setVisible(False), lambda: group.setOpacity(128)):
        hide()
        assert told() == "", told()
        group.setVisible(True)
    group.remove()
    yield from choose(document, node)
    node.enableAnimation()
    assert "Only this frame is painted" in told(), told()
    yield from shut(document)
    document = yield from open_(1200, 300, profile="ClayRGB-elle-V4-srgbtrc.icc")
    node = yield from filled(document, 64, 16)
    assert "converted into ClayRGB" in told(), told()
    yield from choose(document, document.rootNode().childNodes()[0])
    document.activeNode().setPixelData(samples(1200, 1) * 300, 0, 0, 1200, 300)
    settings()
    dock().fold.setChecked(True)
    dock()._look()
    shown = dock().controls["size"].line.placeholderText()
    sizes = []
    dock().painter.heard.connect(lambda event: event.type == "progress" and sizes.append(event["size"]))
    for quality, most in (("normal", 1200), ("draft", 300)):
        settings(quality=quality)
        dock()._look()
        shown = dock().controls["size"].line.placeholderText()
        del sizes[:]
        yield from run(strength=50, quality=quality, scales=None, steps=1)
        assert shown == str(sizes[-1]) == str(most), (shown, sizes)
    dock().fold.setChecked(False)
    yield from shut(document)


def scenario_shapes():
    """Pictures of layers keep their shape, before there is a preview too; and controls say their true ranges."""
    yield from show()
    document = yield from open_(64, 16)
    node = yield from filled(document, 64, 16)
    painter = dock().painter
    yield from run(**LONG)
    dock().foot.stop.click()
    settings()
    paint()
    assert (painter.image.width(), painter.image.height()) == (256, 64), painter.image.size()
    yield from wait_for(lambda: not painter.busy)
    dock().styles._choose_layer(document, node)
    small = painter.thumbnails[painter.settings.styles[-1].key]
    assert small.width() == 4 * small.height() > 0, small.size()
    boxes = dock().controls
    for name in ("stroke_size", "seed"):
        assert str(boxes[name].spin.maximum()) in boxes[name].toolTip(), boxes[name].toolTip()
    for each in (boxes["strength"], boxes["quality"], *dock().foot.row.findChildren(QPushButton)):
        assert each.toolTip()
    assert "recoloured" not in boxes["colour"].toolTip(), boxes["colour"].toolTip()
    yield from shut(document)


def scenario_wheel():
    """The wheel scrolls the docker over its controls, and changes one only where that has the focus."""
    yield from show()
    settings(strength=50)
    boxes = dock().controls
    quality, strength = boxes["quality"].box, boxes["strength"]
    main = K.activeWindow().qwindow()
    main.activateWindow()
    dock().setFocus()
    yield 100
    for widget in (quality, strength.spin, strength.slider):
        turn(widget)
    assert (boxes["quality"].value(), strength.value()) == ("normal", 50)
    quality.setFocus()
    yield from wait_for(quality.hasFocus, 5, "the focus")
    turn(quality)
    assert boxes["quality"].value() == "fine"
    settings()


def turn(widget):
    """The wheel, one step down over a widget."""
    middle = QPointF(widget.rect().center())
    where = middle, QPointF(widget.mapToGlobal(middle.toPoint())), QPoint(), QPoint(0, -120)
    rest = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False
    QApplication.sendEvent(widget, QWheelEvent(*where, *rest))


def scenario_idle():
    """A worker that had nothing to do for more than a minute is not given up while it is sent a layer."""
    yield from show()
    document = yield from open_(512, 384)
    yield from filled(document, 512, 384)
    painter = dock().painter
    process = painter.process._process
    painter.process.session.moved -= 75

    def look():
        if painter.state.name == "PAINTING":
            painter.process._look()  # as its timer may at any moment

    painter.changed.connect(look)
    said = yield from run()
    painter.changed.disconnect(look)
    assert said.startswith("Done") and painter.process._process is process, said
    yield from shut(document)


def children():
    """Processes that Krita has started, and that have not ended."""
    stats = [text.rpartition(")")[2].split() for text in map(content, Path("/proc").glob("[0-9]*/stat")) if text]
    return [stat for stat in stats if int(stat[1]) == os.getpid() and stat[0] != "Z"]


def content(path):
    try:
        return path.read_text()
    except OSError:
        return ""


def scenario_worker_trouble():
    """A worker that is killed, prints something else, is missing, or unknown: a sentence, and the next run is well."""
    yield from show()
    document = yield from open_(48, 32)
    yield from filled(document, 48, 32)
    painter, known = dock().painter, OUT / "data/krita/pykrita/impasto/impasto.json"
    yield from run(**LONG)
    os.kill(painter.process._process.processId(), 9)
    yield from wait_for(lambda: not painter.busy)
    assert "ended unexpectedly" in message(), message()
    yield from wait_for(lambda: not children(), 1, "the end of the worker")
    right = known.read_text()
    for command, words in [
        (["/bin/sh", "-c", "echo hello there; exec sleep 60"], "does not answer as it should"),
        (["/nowhere/impasto", "worker"], "cannot be started"),
        (["/bin/sh", "-c", "echo no torch >&2; exit 3"], "no torch"),
        (None, "run `impasto install` where it is"),
    ]:
        painter.process.close()
        known.write_text(json.dumps({"worker": command}) if command else "{}")
        try:
            said = yield from run()
        finally:
            known.write_text(right)
        assert words in said, (words, said)
        yield from wait_for(lambda: not children(), 1, "the end of the worker")
    said = yield from run()
    assert said.startswith("Done"), said
    assert names(document.rootNode()).count("red 0 %") == 1
    yield from shut(document)


def scenario_choices():
    """Several styles and a layer as one; the history; the action; settings in a file."""
    yield from show()
    document = yield from open_(64, 48)
    yield from filled(document, 64, 48)
    document.rootNode().childNodes()[0].setPixelData(samples(64, 48), 0, 0, 64, 48)  # a flat style is refused
    painter, box = settings(strength=30), dock().styles
    assert box.gallery.count() >= 8
    yield from wait_for(lambda: not box.gallery.item(0).icon().isNull(), 30, "a thumbnail")
    box.mix.setChecked(True)
    box._picked(box.gallery.item(3))
    box._list_layers()
    titles = [action.text() for action in box.menu.actions()[0].menu().actions()]
    assert titles == ["photo", "Background"], titles
    box._choose_layer(document, document.rootNode().childNodes()[0])
    yield 200
    weights = box.findChildren(QDoubleSpinBox)
    weights = [each for each in weights if each.isVisible()]
    assert len(weights) == 3
    weights[1].setValue(2.5)
    title = "red + oil + Background 30 %"
    K.action("impasto_again").trigger()
    yield from wait_for(lambda: not painter.busy)
    assert message().startswith("Done"), message()
    assert names(document.rootNode())[-1] == title, names(document.rootNode())
    notes = [
        json.loads(document.annotation(each).data())
        for each in document.annotationTypes()
        if each.startswith("impasto ")
    ]
    assert notes[0]["styles"] == ["red", "oil", "Background"] and notes[0]["recipe"]["strength"] == 30, notes
    assert undo_text() == "Undo Add Layer"
    settings(strength=70)
    dock().history._recall(dock().history.item(0))
    assert dock().controls["strength"].value() == 30 and [each.weight for each in painter.settings.styles] == [
        1,
        2.5,
        1,
    ]
    kept = json.loads((OUT / "data/krita/impasto-settings.json").read_text())
    assert kept["knobs"]["strength"] == 30 and [each[0] for each in kept["styles"]] == ["file", "name"]
    assert K.action("impasto_again").shortcut().toString() == "Ctrl+Alt+Y"
    box._remove(painter.settings.styles[0])
    assert len(painter.settings.styles) == 2
    box.mix.setChecked(False)
    drop(style())
    assert [each.title for each in painter.settings.styles] == ["red"]
    dock().controls["tv_weight"].line.setText("0.5")
    dock()._edited()
    assert painter.settings.recipe()["tv_weight"] == "0.5"
    dock().controls["stroke_size"].set(500)
    assert dock().controls["stroke_size"].value() == 500
    yield from shut(document)


def scenario_drops():
    """What is dropped and no picture is refused in words, and not kept; a browser's picture is taken."""
    yield from show()
    painter, box = settings(), dock().styles
    titles = lambda: [each.title for each in painter.settings.styles]  # noqa: E731
    yield from wait_for(lambda: not painter.thumbnail(painter.settings.styles[0]).isNull(), 30, "the first style")
    odd, text, cut, other = OUT / "odd.psd", OUT / "notes.txt", OUT / "cut.jpg", OUT / "blue.png"
    odd.write_bytes(b"8BPS" + bytes(40))
    text.write_text("a list of things")
    cut.write_bytes(Path("/checkout/examples/harbour.jpg").read_bytes()[:700])
    QImage(style()).rgbSwapped().save(str(other))
    drop(str(text))
    yield from wait_for(lambda: "notes.txt" in message() and titles() == ["red"], 30, "the refusal")
    drop(str(OUT))
    assert f"{OUT.name} is a folder" in message() and titles() == ["red"], message()
    drop(str(odd), str(cut))
    yield from wait_for(lambda: titles() == ["red"], 30, "refusing two of two")
    drop(str(odd), str(cut), str(other))
    yield from wait_for(lambda: titles() == ["blue"], 30, "refusing two of three")
    assert all(each.name in message() for each in (odd, cut)), message()
    drop(style(), str(other))
    assert titles() == ["red", "blue"] and not box.mix.isChecked(), titles()
    drop(str(other))
    assert titles() == ["blue"], titles()
    kept = json.loads((OUT / "data/krita/impasto-settings.json").read_text())["styles"]
    assert [each[2] for each in kept] == ["blue"], kept
    drop("https://example.org/pictures/scream.jpg")
    assert "example.org gave no picture" in message() and titles() == ["blue"], message()
    drop("https://example.org/pictures/scream.jpg", image=QImage(style()))
    assert titles() == ["scream"] and Path(painter.settings.styles[0].value).is_file(), titles()
    document = yield from open_(32, 24)
    yield from filled(document)
    paint()
    yield from wait_for(lambda: not painter.busy)
    assert message().startswith("Done"), message()
    yield from shut(document)


def drop(*paths, image=None):
    """Drag files, or what is on the web, to the docker, there where it has no control, and drop them."""
    data = QMimeData()
    data.setUrls([QUrl(path) if "://" in path else QUrl.fromLocalFile(path) for path in paths])
    if image is not None:
        data.setImageData(image)
    rest = data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(dock().foot.bar, QDragEnterEvent(QPoint(2, 2), Qt.DropAction.CopyAction, *rest))
    QApplication.sendEvent(dock().foot.bar, QDropEvent(QPointF(2, 2), Qt.DropAction.CopyAction, *rest))


def scenario_large():
    """4000 x 3000: how long Krita is held up at most, and how soon the first preview comes with the usual settings."""
    yield from show(preview=True)
    document = yield from open_(4000, 3000)
    node = document.activeNode()
    node.setPixelData(samples(4000, 4) * 750, 0, 0, 4000, 3000)
    document.refreshProjection()
    document.waitForDone()
    yield 1000
    painter, gaps, last, marks = dock().painter, [], [time.monotonic(), time.thread_time()], {}

    def tick():
        now = time.monotonic(), time.thread_time()
        gaps.append((now[0] - last[0], now[1] - last[1], painter.state.name.lower()))
        last[:] = now

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(5)
    said = yield from run(strength=50, size=256, steps=5)
    assert said.startswith("Done"), said
    yield from choose(document, node)
    settings(strength=50)
    painter.settings.knobs = {name: value for name, value in painter.settings.knobs.items() if name not in QUICK}
    painter.heard.connect(lambda event: marks.setdefault(event.type, time.monotonic() - begin))
    begin = time.monotonic()
    paint()
    yield from wait_for(lambda: "preview" in marks, what="the first preview")
    dock().foot.stop.click()
    timer.stop()
    gap, _, state = max(gaps)
    text = f"4000 x 3000: held up for {1000 * gap:.0f} ms at most ({state}), "
    text += f"first preview after {marks['preview']:.1f} s"
    (OUT / "large.txt").write_text(text + "\n")
    print(text, {name: round(when, 2) for name, when in marks.items()}, sorted(gaps)[-5:], flush=True)
    yield from shut(document)


def scenario_pictures():
    """What the docker looks like, for people, in Krita's usual dark theme."""
    yield from pictures("dark")


def scenario_pictures_light():
    """The same in the bright theme, which the session has chosen."""
    yield from pictures("light")


def pictures(theme):
    yield from show(preview=True)
    main = K.activeWindow().qwindow()
    main.resize(1060, 760)
    document = K.openDocument("/checkout/examples/harbour.jpg")
    K.activeWindow().addView(document)
    yield from wait_for(lambda: document.activeNode() is not None)
    painter = settings(strength=50)
    for name in ("steps", "scales"):
        del painter.settings.knobs[name]
    dock()._load()
    dock().styles._picked(dock().styles.gallery.item(3))
    window = dock()
    window.setFloating(True)
    window.resize(300, 740)
    yield from wait_for(lambda: not window.styles.gallery.item(7).icon().isNull(), 30)
    window.say("")
    yield from wait_for(lambda: not window.draft.image.isNull() and not window.draft._job, 60, "a draft")
    yield 500
    window.grab().save(str(OUT / f"{theme}_idle.png"))
    seen = []
    painter.heard.connect(lambda event: seen.append(event.type))
    paint()
    yield from wait_for(lambda: seen.count("preview") > 2 or not painter.busy)
    window.grab().save(str(OUT / f"{theme}_running.png"))
    yield from wait_for(lambda: not painter.busy)
    yield 400
    window.grab().save(str(OUT / f"{theme}_done.png"))
    window.setFloating(False)
    for each in K.dockers():
        each.setVisible(each.objectName() in ("KisLayerBox", "ToolBox", "impasto"))
    layers = next(each for each in K.dockers() if each.objectName() == "KisLayerBox")
    main.resizeDocks([layers, window], [170, 600], Qt.Orientation.Vertical)
    yield 500
    K.action("zoom_to_fit").trigger()
    yield 1000
    main.grab().save(str(OUT / f"{theme}_window.png"))
    assert message().startswith("Done"), message()
    assert (window.palette().window().color().lightness() > 128) == (theme == "light")
    main.resizeDocks([window], [1], Qt.Orientation.Horizontal)
    window.fold.click()
    painter.settings.styles *= 2
    painter.changed.emit()
    yield 500
    main.grab().save(str(OUT / f"{theme}_narrow.png"))
    body, gallery = window.area.widget(), window.styles.gallery
    last = gallery.visualItemRect(gallery.item(gallery.count() - 1))
    assert gallery.viewport().rect().contains(last), "not all styles are in sight"
    assert body.width() <= window.area.viewport().width(), "something is cut off where the docker is narrow"
    yield from shut(document)


def scenario_long():
    """Begin something long, tell of it, and leave in the way asked for, if it is one from within."""
    yield from show()
    document = yield from open_(96, 64)
    yield from filled(document, 96, 64)
    yield from run(**LONG)
    document.setModified(False)
    way = os.environ["PROBE_WAY"]
    new = OUT / "long.new"
    new.write_text(str(dock().painter.process._process.processId()))
    new.rename(OUT / "long")
    yield 300
    if way == "menu":
        K.action("file_quit").trigger()
    elif way == "window":
        K.activeWindow().qwindow().close()
    yield 60000
