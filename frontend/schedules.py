"""Time grids, guidance and noise: the model's recommendation where the request says nothing."""

from __future__ import annotations

from dataclasses import dataclass

from inference_types import StepSchedule, SynthesisRequest
from models.flow import time_grid

SWAY = -1.0  # what "use sway sampling" means in F5


@dataclass(frozen=True, kw_only=True)
class RecommendedSchedule:
    """From the model's manifest. `sway` None means a plain grid.

    `use_epss` takes F5's tables where there is one for the number of steps; they suit the network
    they were searched for (ours: six steps sound worse with the table than four without).
    `noise_scale` is the standard deviation the flow starts with. A small network leaves some of
    the noise in the mel; starting with less gives cleaner, a little less varied speech (the
    temperature of Grad-TTS, arXiv 2105.06337; measured in docs/decisions).
    """

    num_steps: int
    sway: float | None = SWAY
    guidance: float = 2.0
    noise_scale: float = 1.0
    use_epss: bool = True

    def time_grid(self, request: SynthesisRequest) -> StepSchedule:
        """Any number of steps is honoured."""
        return self.grid(request.num_steps, request.use_sway)

    def grid(self, num_steps: int | None = None, use_sway: bool | None = None) -> StepSchedule:
        """None means as recommended."""
        sway = self.sway
        if use_sway is not None:
            sway = SWAY if use_sway else None
        num_steps = self.num_steps if num_steps is None else num_steps
        return time_grid(num_steps, sway=sway, use_epss=self.use_epss)

    def guidance_scale(self, request: SynthesisRequest) -> float:
        return self.guidance if request.guidance_scale is None else request.guidance_scale
