"""How large and how long: one preset for two CPU cores, one for an accelerator."""

from dataclasses import dataclass, replace

from scripts.train_builtin.fit_trunk import TrunkPlan
from scripts.train_builtin.heads import HeadPlan
from scripts.train_builtin.student import StudentPlan
from scripts.train_builtin.towers import TrunkView
from scripts.train_builtin.tune import TunePlan


@dataclass(frozen=True, slots=True)
class Preset:
    """Everything that may differ between a small and a large run.

    Attributes:
        further: The trunk's schedule where its weights are those of an exported model.
        shares: Of the squared norm of an image vector: trunk, banks, look.
        trunk_views: What the trunk sees of an image when in use.
        look_dim: Length of the look part.
    """

    trunk: TrunkPlan
    further: TrunkPlan
    head: HeadPlan
    student: StudentPlan
    tune: TunePlan
    shares: tuple[float, float, float]
    trunk_views: tuple[TrunkView, ...]
    look_dim: int
    look_patch_weight: float
    look_power: float


HEAD = HeadPlan(width=384, dim=192, epochs=36, feature_dropout=0.7, label_weight=0.5)

CPU_TRUNK = TrunkPlan(
    widths=(64, 128, 256, 384),
    depths=(2, 2, 2, 1),
    epochs=32,
    epoch_images=24000,
    batch=128,
    peak_rate=1.5e-3,
    weight_decay=0.05,
    sizes=((0.58, 48), (0.95, 64), (1.0, 80)),
    captioned_share=0.33,
)

GPU_TRUNK = TrunkPlan(
    widths=(80, 160, 320, 384),
    depths=(2, 2, 3, 2),
    epochs=300,
    epoch_images=36000,
    batch=512,
    peak_rate=2e-3,
    weight_decay=0.08,
    sizes=((0.4, 64), (0.8, 80), (1.0, 96)),
    captioned_share=0.33,
    caption_negatives=16384,
)

PRESETS = {
    "cpu": Preset(
        trunk=CPU_TRUNK,
        # Captioned images were seen thrice as often as labelled ones when the further run begins.
        further=replace(
            CPU_TRUNK,
            epochs=70,
            epoch_images=12000,
            peak_rate=8e-4,
            sizes=((0.5, 48), (0.9, 64), (1.0, 80)),
            captioned_share=0.22,
        ),
        head=HEAD,
        student=StudentPlan(),
        tune=TunePlan(),
        shares=(0.66, 0.19, 0.15),
        trunk_views=(TrunkView(80), TrunkView(64, mirrored=True)),
        look_dim=64,
        look_patch_weight=0.75,
        look_power=0.5,
    ),
    "gpu": Preset(
        trunk=GPU_TRUNK,
        further=replace(GPU_TRUNK, epochs=100, peak_rate=1e-3, captioned_share=0.22),
        head=HEAD,
        student=StudentPlan(width=384, epochs=30),
        tune=TunePlan(steps=4000),
        shares=(0.75, 0.1, 0.15),
        trunk_views=(TrunkView(96),),
        look_dim=64,
        look_patch_weight=0.75,
        look_power=0.5,
    ),
}
