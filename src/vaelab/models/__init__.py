"""Models: compositions of network, posterior, prior and likelihood. Each spec stands in a file of its own."""

from __future__ import annotations

from typing import Annotated

from vaelab.models.joint_spec import Joint as Joint
from vaelab.models.ladder_spec import Ladder as Ladder
from vaelab.models.m2_spec import M2 as M2
from vaelab.models.model_spec import ModelSpec as ModelSpec
from vaelab.models.multimodal_spec import Multimodal as Multimodal
from vaelab.models.vae_spec import VAE as VAE  # the default of an experiment, so the first word
from vaelab.spec import any_of

AnyModel = Annotated[ModelSpec, any_of(ModelSpec)]
