"""Times SimCLR as in lightly's documentation, with the encoder of this course.

It runs in its own environment, which `requirements.txt` in this folder describes. The example:
https://docs.lightly.ai/examples/simclr.html
"""

import time

import torch
from lightly.data import LightlyDataset
from lightly.loss import NTXentLoss
from lightly.models.modules import SimCLRProjectionHead
from lightly.transforms import SimCLRTransform
from timing import BATCH_SIZE, NUM_WARM_UP, build_parser, report
from torch import nn


def build_model(width=32):
    """Four times convolution, pooling, normalisation, ReLU; the mean; and the projection head."""
    parts, channels = [], 3
    for stage in range(4):
        filters = width * 2**stage
        parts += [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.MaxPool2d(2)]
        parts += [nn.BatchNorm2d(filters), nn.ReLU()]
        channels = filters
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), SimCLRProjectionHead(channels, 256, 128)]
    return nn.Sequential(*parts)


def main():
    parser = build_parser(__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--bfloat16", action="store_true")
    options = parser.parse_args()
    torch.manual_seed(0)
    transform = SimCLRTransform(input_size=32, cj_strength=0.5, gaussian_blur=0.0)
    loader = torch.utils.data.DataLoader(
        LightlyDataset(options.images, transform=transform),
        batch_size=BATCH_SIZE,
        shuffle=True,
        drop_last=True,
        num_workers=options.workers,
    )
    form = torch.channels_last if options.channels_last else torch.contiguous_format
    model = build_model().to(memory_format=form)
    criterion = NTXentLoss(temperature=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
    ends = []
    while len(ends) < NUM_WARM_UP + options.steps:
        for views, _, _ in loader:
            sides = [view.to(memory_format=form) for view in views]
            with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
                projections = [model(side) for side in sides]
            loss = criterion(*(side.float() for side in projections))
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            ends.append(time.monotonic())
            if len(ends) == NUM_WARM_UP + options.steps:
                break
    report(ends)


if __name__ == "__main__":
    main()
