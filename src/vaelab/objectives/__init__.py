"""Objectives: functions of a trace and the progress of training that return the loss to minimise.

To add one, write a file with a frozen dataclass, and add its name here.
"""

from __future__ import annotations

from typing import Annotated

from vaelab.objectives.adversarial import Adversarial as Adversarial
from vaelab.objectives.adversarial_reconstruction import AdversarialReconstruction as AdversarialReconstruction
from vaelab.objectives.capacity import Capacity as Capacity
from vaelab.objectives.dip import DipI as DipI, DipII as DipII
from vaelab.objectives.dreg import Dreg as Dreg
from vaelab.objectives.elbo import Elbo as Elbo
from vaelab.objectives.factor import Factor as Factor
from vaelab.objectives.free_bits import FreeBits as FreeBits
from vaelab.objectives.function import FunctionObjective as FunctionObjective
from vaelab.objectives.geco import Geco as Geco
from vaelab.objectives.hamiltonian import Hamiltonian as Hamiltonian
from vaelab.objectives.info import Info as Info
from vaelab.objectives.iwae import Iwae as Iwae
from vaelab.objectives.joint_capacity import JointCapacity as JointCapacity
from vaelab.objectives.kernels import (
    AnyKernel as AnyKernel,
    InverseMultiquadratic as InverseMultiquadratic,
    KernelSpec as KernelSpec,
    Rbf as Rbf,
)
from vaelab.objectives.lagging import Lagging as Lagging
from vaelab.objectives.miwae import Ciwae as Ciwae, Miwae as Miwae, Piwae as Piwae
from vaelab.objectives.neighbours import NeighbourEmbedding as NeighbourEmbedding
from vaelab.objectives.objective import Loss as Loss, ObjectiveSpec as ObjectiveSpec
from vaelab.objectives.perceptual import (
    AnyPenalty as AnyPenalty,
    DeepFeatures as DeepFeatures,
    Lpips as Lpips,
    MsSsim as MsSsim,
    PenaltySpec as PenaltySpec,
    Perceptual as Perceptual,
)
from vaelab.objectives.rae import (
    L2 as L2,
    AnyRegulariser as AnyRegulariser,
    GradientPenalty as GradientPenalty,
    Rae as Rae,
    RegulariserSpec as RegulariserSpec,
)
from vaelab.objectives.reweighted_wake_sleep import ReweightedWakeSleep as ReweightedWakeSleep
from vaelab.objectives.riemannian_hamiltonian import RiemannianHamiltonian as RiemannianHamiltonian
from vaelab.objectives.semi_amortised import SemiAmortised as SemiAmortised
from vaelab.objectives.sliced_wasserstein import SlicedWasserstein as SlicedWasserstein
from vaelab.objectives.sticking_the_landing import StickingTheLanding as StickingTheLanding
from vaelab.objectives.subset_bounds import SubsetBounds as SubsetBounds
from vaelab.objectives.total_correlation import TotalCorrelation as TotalCorrelation
from vaelab.objectives.vae_gan import VaeGan as VaeGan
from vaelab.objectives.vimco import Vimco as Vimco
from vaelab.objectives.wae import Wae as Wae
from vaelab.spec import any_of

AnyObjective = Annotated[ObjectiveSpec, any_of(ObjectiveSpec)]
