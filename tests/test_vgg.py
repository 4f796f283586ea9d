"""VGG-19: torchvision's layer by layer, each kind of weights in its own preprocessing, normalised exactly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import ImageError, RecipeError, WeightsError
from impasto_vgg import random_weights
from impasto_vgg.architecture import CONVOLUTIONS, LAYERS, shapes
from impasto_vgg.network import VGG19
from impasto_vgg.normalise import mean_activations, normalised, rescaled
from impasto_vgg.recognise import CAFFE_BIASES, recognise
from impasto_vgg.untrained import as_torchvision


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return random_weights(seed=1)


@pytest.fixture(scope="module")
def convolutions(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return as_torchvision(weights)


@pytest.fixture
def thin() -> dict[str, Tensor]:
    """All 16 convolutions with a sixteenth of the channels: the same code in milliseconds."""
    return random_weights(seed=2, width=4)


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def picture(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def assert_near(ours: Tensor, theirs: Tensor, relative: float = 1e-5) -> None:
    """Within float32 rounding over 16 convolutions, which sum in an order of their own."""
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= relative * theirs.abs().max()


def test_the_paper_s_layers_and_defaults(thin: dict[str, Tensor]) -> None:
    network = VGG19(thin)
    assert len(CONVOLUTIONS) == 16
    assert len(LAYERS) == 21
    assert network.layers[:4] == ("conv1_1", "conv1_2", "pool1", "conv2_1")
    assert network.layers[-2:] == ("conv5_4", "pool5")
    assert network.content_layers == {"conv4_2": 1}
    assert network.style_layers == dict.fromkeys(["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"], 1 / 5)
    assert network.pooling == "average"


def test_every_layer_equals_torchvision(weights: dict[str, Tensor], convolutions: dict[str, Tensor]) -> None:
    from torchvision.models import VGG19_Weights, vgg19

    with torch.device("meta"):
        reference = vgg19(weights=None).features
    reference.load_state_dict({n.removeprefix("features."): w for n, w in convolutions.items()}, assign=True)
    preset = VGG19_Weights.IMAGENET1K_V1.transforms()
    image = picture(37, 50)
    ours = VGG19(weights, "torchvision", pooling="max")(image, LAYERS)
    x = (image - torch.tensor(preset.mean)[:, None, None]) / torch.tensor(preset.std)[:, None, None]
    layers = iter(LAYERS)
    for module in reference:
        x = module(x)
        if not isinstance(module, torch.nn.Conv2d):
            assert_near(ours[next(layers)], x)
    assert next(layers, None) is None


@pytest.mark.parametrize("kind", ["caffe", "gatys"])
def test_caffe_s_filters_see_blue_first_of_255_minus_the_mean(
    weights: dict[str, Tensor], convolutions: dict[str, Tensor], kind: str
) -> None:
    found = recognise(convolutions if kind == "caffe" else weights, kind)
    image = picture(20, 21)
    # As neural-style-pt and Gatys' notebook prepare a picture.
    prepared = 255 * image[:, [2, 1, 0]] - torch.tensor([103.939, 116.779, 123.68])[:, None, None]
    expected = F.relu(F.conv2d(prepared, weights["conv1_1.weight"], weights["conv1_1.bias"], padding=1))
    assert_near(VGG19(found.tensors, found.kind)(image, ["conv1_1"])["conv1_1"], expected)


def test_average_pooling_rounds_down(thin: dict[str, Tensor]) -> None:
    maps = VGG19(thin)(picture(19, 23), ["conv1_2", "pool1"])
    full, pooled = maps["conv1_2"], maps["pool1"]
    assert pooled.shape[-2:] == (9, 11)
    blocks = full[..., :18, :22].unflatten(3, (11, 2)).unflatten(2, (9, 2))
    assert_near(pooled, blocks.mean((3, 5)))


def test_computes_each_layer_once_and_none_below_the_deepest(thin: dict[str, Tensor]) -> None:
    network, calls = VGG19(thin), []
    for name in CONVOLUTIONS:
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.append(name))
    network(picture(32, 32), ["conv3_1", "conv1_1", "relu3_1", "pool1"])
    assert calls == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    calls.clear()
    assert network(picture(32, 32), []) == {}
    assert calls == []


def test_relu_is_another_name(thin: dict[str, Tensor]) -> None:
    maps = VGG19(thin)(picture(32, 32), ["relu4_2", "conv4_2", "relu1_1"])
    assert list(maps) == ["relu4_2", "conv4_2", "relu1_1"]
    assert maps["relu4_2"] is maps["conv4_2"]
    assert maps["relu4_2"].min() == 0


@pytest.mark.parametrize(("size", "deepest"), [(1, "conv1_2"), (2, "conv2_2"), (15, "conv4_4"), (16, "conv5_4")])
def test_a_small_picture_leaves_deep_layers_out(thin: dict[str, Tensor], size: int, deepest: str) -> None:
    maps = VGG19(thin)(picture(size, 40), LAYERS)
    assert tuple(maps) == LAYERS[: LAYERS.index(deepest) + 1]
    assert all(value.numel() for value in maps.values())


def test_replicate_padding_keeps_a_flat_picture_flat(thin: dict[str, Tensor]) -> None:
    flat = torch.full((1, 3, 32, 32), 0.3)

    def spread(padding: str, layer: str) -> float:
        features = VGG19(thin, padding=padding)(flat, [layer])[layer]  # type: ignore[arg-type]
        return float((features - features[..., :1, :1]).abs().max())

    assert spread("replicate", "conv5_4") < 1e-5
    assert spread("replicate-first", "conv1_1") < 1e-6 < spread("replicate-first", "conv1_2")
    assert spread("zeros", "conv1_1") > 1e-3


def test_gradient_reaches_the_picture_only(thin: dict[str, Tensor]) -> None:
    network = VGG19(random_weights(3, width=2)).double()
    image = picture(6, 7).double().requires_grad_()
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with torch.enable_grad():
        assert torch.autograd.gradcheck(lambda x: network(x, ["conv2_1"])["conv2_1"], (image,))


def test_runs_in_bfloat16_channels_last(thin: dict[str, Tensor]) -> None:
    image, reference = picture(32, 48), VGG19(thin)
    network = VGG19(thin).to(torch.bfloat16, memory_format=torch.channels_last)
    ours = network(image.to(memory_format=torch.channels_last), ["conv3_1"])["conv3_1"]
    assert ours.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits: 1/256 per rounding, over five convolutions.
    assert_near(ours.float(), reference(image, ["conv3_1"])["conv3_1"], relative=0.03)


def test_unknown_names_are_refused_in_words(thin: dict[str, Tensor]) -> None:
    with pytest.raises(RecipeError, match=r"vgg19 has no layer 'conv6_1'\. Its layers: conv1_1, .*relu1_1 is conv1_1"):
        VGG19(thin)(picture(8, 8), ["conv6_1"])
    with pytest.raises(RecipeError, match=r"pooling is 'l2'\. vgg19 knows average, max"):
        VGG19(thin, pooling="l2")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="padding is 'same'"):
        VGG19(thin, padding="same")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match=r"scale is '1'\. vgg19 knows trained, 255, 256"):
        VGG19(thin, scale="1")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match=r"kind is 'keras'\. vgg19 knows torchvision, caffe, gatys"):
        VGG19(thin, kind="keras")


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize("kind", ["torchvision", "caffe"])
def test_normalisation_changes_maps_by_a_known_factor_only(
    thin: dict[str, Tensor], pooling: str, padding: str, kind: str
) -> None:
    # In float64, because a filter that hardly ever answers is scaled so much that float32 rounding shows.
    network = VGG19(thin, kind, pooling, padding).double()  # type: ignore[arg-type]
    pictures = [picture(32, 40, 1), picture(48, 33, 2)]
    means = mean_activations(network, pictures)
    result = normalised(network, pictures)
    assert (result.kind, result.pooling, result.padding) == (kind, pooling, padding)
    alive = {name: mean != 1 for name, mean in means.items()}
    for name, mean in mean_activations(result, pictures).items():
        torch.testing.assert_close(mean[alive[name]], torch.ones_like(mean)[alive[name]], rtol=1e-9, atol=0)
    other = picture(35, 35, 3)
    before, after = network(other, LAYERS), result(other, LAYERS)
    for layer in LAYERS:
        mean = means[layer.replace("pool", "conv") + ("" if "_" in layer else f"_{2 if layer[-1] in '12' else 4}")]
        assert_near(after[layer] * mean[:, None, None], before[layer], relative=1e-9)


def test_normalising_twice_is_normalising_once(thin: dict[str, Tensor]) -> None:
    pictures = [picture(32, 32)]
    once = normalised(VGG19(thin).double(), pictures)
    for name, weight in normalised(once, pictures).weights.items():
        assert_near(weight, once.weights[name], relative=1e-9)


def test_normalising_keeps_how_the_network_was_built(thin: dict[str, Tensor]) -> None:
    network = VGG19(thin, "caffe", "max", "replicate-first", "256").double()
    again = normalised(network, [picture(32, 32)])
    assert (again.kind, again.pooling, again.padding, again.scale) == ("caffe", "max", "replicate-first", "256")
    assert again.mean.equal(network.mean)


def test_a_filter_that_never_answers_is_left_alone(thin: dict[str, Tensor]) -> None:
    thin["conv2_1.weight"][3], thin["conv2_1.bias"][3] = 0, -1
    means = mean_activations(VGG19(thin), [picture(32, 32)])
    assert means["conv2_1"][3] == 1
    scaled = rescaled(thin, means)
    assert scaled["conv2_1.bias"][3] == -1
    assert all(weight.isfinite().all() for weight in scaled.values())


def test_normalising_needs_pictures_that_reach_the_end(thin: dict[str, Tensor]) -> None:
    with pytest.raises(ImageError, match=r"30x15 pixels does not reach conv5_4\. Use pictures of at least 16x16"):
        normalised(VGG19(thin), [picture(15, 30)])
    with pytest.raises(ImageError, match="no picture to normalise"):
        normalised(VGG19(thin), [])


def test_random_weights_keep_the_size_of_activations() -> None:
    assert random_weights(5, 4)["conv3_2.weight"].equal(random_weights(5, 4)["conv3_2.weight"])
    assert not random_weights(5, 4)["conv3_2.weight"].equal(random_weights(6, 4)["conv3_2.weight"])
    assert sum(9 * into * out + out for out, into, _, _ in shapes().values()) == 20_024_384
    weights = random_weights(5, 16)
    assert {name: tuple(weights[f"{name}.weight"].shape) for name in CONVOLUTIONS} == shapes(16)
    maps = VGG19(weights)(picture(32, 32), CONVOLUTIONS)
    assert all(0.05 < features.std() < 5 for features in maps.values())


def test_torchvision_s_tensors(convolutions: dict[str, Tensor]) -> None:
    found = recognise({**convolutions, "classifier.0.weight": torch.zeros(1)})
    assert found.kind == "torchvision"
    assert list(found.tensors) == [f"{name}.{part}" for name in CONVOLUTIONS for part in ("weight", "bias")]
    assert found.tensors["conv1_1.weight"].equal(convolutions["features.0.weight"])
    assert found.tensors["conv5_4.bias"].equal(convolutions["features.34.bias"])


def test_caffe_s_tensors_by_its_first_biases_or_its_classifier(convolutions: dict[str, Tensor]) -> None:
    biases = torch.cat([torch.tensor(CAFFE_BIASES), torch.zeros(60)])
    found = recognise({**convolutions, "features.0.bias": biases})
    assert found.kind == "caffe"
    assert found.tensors["conv1_1.weight"].equal(convolutions["features.0.weight"][:, [2, 1, 0]])
    assert recognise({**convolutions, "classifier.1.weight": torch.zeros(1)}).kind == "caffe"


def test_gatys_tensors_by_their_names(weights: dict[str, Tensor]) -> None:
    file = {name: weight.half() for name, weight in weights.items()}
    found = recognise(file)
    assert found.kind == "gatys"
    assert found.tensors["conv1_1.weight"].equal(file["conv1_1.weight"].float()[:, [2, 1, 0]])
    assert found.tensors["conv2_1.weight"].equal(file["conv2_1.weight"].float())


def test_the_kind_can_be_said(convolutions: dict[str, Tensor]) -> None:
    assert recognise(convolutions, "caffe").kind == "caffe"
    with pytest.raises(WeightsError, match=r"no kind 'keras' of VGG-19\. Kinds: torchvision, caffe, gatys"):
        recognise(convolutions, "keras")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features.0.weight": None}, "holds 31 tensors"),
        ({"features.34.bias": None}, r"no tensor features\.34\.bias \(conv5_4\.bias of VGG-19\)"),
        (
            {"features.16.weight": torch.zeros(1).expand(512, 256, 3, 3)},
            r"features\.16\.weight has shape \(512, 256, 3, 3\); conv3_4\.weight of VGG-19 has \(256, 256, 3, 3\)",
        ),
        ({"features.2.bias": torch.full((64,), torch.nan)}, r"features\.2\.bias holds values that are no numbers"),
        (
            {"features.2.bias": torch.zeros(64, dtype=torch.int32)},
            r"features\.2\.bias holds values that are no numbers",
        ),
    ],
)
def test_other_tensors_are_refused_in_words(
    convolutions: dict[str, Tensor], change: dict[str, Tensor | None], words: str
) -> None:
    tensors = {name: tensor for name, tensor in {**convolutions, **change}.items() if tensor is not None}
    with pytest.raises(WeightsError, match=words):
        recognise(tensors)


def test_registering_imports_no_torch() -> None:
    code = "import sys, impasto_vgg; list(impasto_vgg.impasto_networks()); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
