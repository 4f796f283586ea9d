"""SqueezeNet 1.1 (Iandola et al., 2016), torchvision's, as a network of impasto."""

from impasto.errors import WeightsError
from impasto.plugin import NetworkInfo, hookimpl

PLACES = {"conv1": 1, "fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7, "fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12}
"""Layer, as the paper calls it -> its place in torchvision's `features`."""


def build(weights="none"):
    """weights: "none", random ones, the same every time; "imagenet", those that torchvision has downloaded."""
    from pathlib import Path

    import torch
    from torchvision.models import SqueezeNet1_1_Weights, squeezenet1_1

    trained = SqueezeNet1_1_Weights.IMAGENET1K_V1
    with torch.random.fork_rng(devices=[]):  # leaves the caller's random numbers as they were
        torch.manual_seed(0)
        model = squeezenet1_1()
    if weights == "imagenet":
        path = Path(torch.hub.get_dir(), "checkpoints", trained.url.rpartition("/")[2])
        if not path.is_file():  # impasto downloads nothing that nobody has asked for
            hint = "from torchvision.models import SqueezeNet1_1_Weights as W; W.IMAGENET1K_V1.get_state_dict()"
            raise WeightsError(f"{path} is not there.", f'Download it: python -c "{hint}"')
        model.load_state_dict(torch.load(path, weights_only=True))

    class SqueezeNet(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers, self.content_layers = tuple(PLACES), {"fire5": 1.0}
            self.style_layers = dict.fromkeys(["conv1", "fire3", "fire5", "fire7", "fire9"], 0.2)
            self.features = model.features.eval().requires_grad_(False)
            preset = trained.transforms()
            self.register_buffer("mean", torch.tensor(preset.mean)[:, None, None])
            self.register_buffer("std", torch.tensor(preset.std)[:, None, None])

        def forward(self, image, layers):
            found, x = {}, (image - self.mean) / self.std
            names = {place: name for name, place in PLACES.items()}
            for place in range(1 + max((PLACES[layer] for layer in layers), default=-1)):
                if place in (0, 2, 5, 8) and min(x.shape[-2:]) < 3:  # a convolution or a pooling of 3 x 3
                    break
                x = self.features[place](x)
                if names.get(place) in layers:
                    found[names[place]] = x
            return found

    return SqueezeNet()


@hookimpl
def impasto_networks():
    """Called once; imports no torch, so that `impasto --help` stays quick."""
    options = {"weights": ("none", "imagenet")}
    return [NetworkInfo("squeezenet", "SqueezeNet 1.1, small and quick", build=build, options=options)]
