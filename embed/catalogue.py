"""The models an archive can be made with, by name; reading it loads none of them."""

import difflib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from schema.errors import ModelUnavailable

RECOMMENDED = "siglip2-b32-256"
"""Alias of the model for a new archive: SigLIP 2 B/32 at 256 px costs about as much as CLIP
ViT-B/32, understands many languages, and has a licence without strings."""

OPEN_CLIP = "open_clip:"
HF = "hf:"
BUILTIN = "builtin"

IMAGES_ONLY = "images only"
"""Stands for the languages of a model that takes no words."""

Kind = Literal["images and words", "images", "words"]
"""What a model takes. An archive is made with one that takes images; one that takes words alone
finds its descriptions."""

_BYTES_PER_PARAMETER = 4
_BUILTIN_DATA = Path(__file__).with_name("builtin") / "data"


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model without loading it.

    Attributes:
        alias: Short name; ``spec`` is what it stands for.
        dim: Length of a vector; ``image_size`` pixels of the input's side, 0 for a model that takes
            no images.
        parameters: Weights of both towers together; 0 where they are not worth counting.
        languages: In which it understands words.
        scores: Published recall in [0, 1], by dataset, direction and depth; empty where no table
            was found that could be checked.
        scores_source: Where the scores were read.
        download_bytes: About what is fetched when the model is first used; 0 for none.
        repo: Id of the repository on the hub that holds the weights; "" for none.
    """

    alias: str
    spec: str
    dim: int
    image_size: int
    parameters: int
    licence: str
    languages: str
    description: str
    scores: Mapping[str, float] = field(default_factory=dict)
    scores_source: str = ""
    download_bytes: int = 0
    repo: str = ""
    kind: Kind = "images and words"

    def as_dict(self) -> dict[str, Any]:
        """Return every fact by name."""
        return asdict(self)


def known_models() -> tuple[Model, ...]:
    """Return all named models, the built-in one first."""
    return (_builtin(), *_PUBLISHED)


def resolve(spec: str) -> str:
    """Return the full spec of an alias, and any other spec as it is.

    A local folder or file becomes its absolute path, so that the spec stays true elsewhere.

    Raises:
        ModelUnavailable: It is neither an alias, nor a spec of a known kind, nor a path that
            exists.
    """
    if spec == BUILTIN:
        return spec
    for model in _PUBLISHED:
        if spec in (model.alias, model.spec):
            return model.spec
    if spec.startswith((OPEN_CLIP, HF)) and spec.partition(":")[2]:
        return _with_absolute_file(spec)
    path = Path(spec).expanduser()
    if spec and path.exists():
        return str(path.absolute())
    aliases = [BUILTIN, *(model.alias for model in _PUBLISHED)]
    near = difflib.get_close_matches(spec, aliases, n=1)
    raise ModelUnavailable(
        f"there is no model {spec!r}{f' (did you mean {near[0]}?)' if near else ''}; see `eidetic "
        "models`, or give open_clip:ARCH/PRETRAINED, hf:REPO_ID, or the path of a checkpoint folder"
    )


def _with_absolute_file(spec: str) -> str:
    """Return open_clip:ARCH/FILE with the file's absolute path, and any other spec as it is."""
    arch, slash, pretrained = spec.partition("/")
    file = Path(pretrained).expanduser()
    if spec.startswith(OPEN_CLIP) and slash and pretrained and file.is_file():
        return f"{arch}/{file.absolute()}"
    return spec


def describe(spec: str) -> str:
    """Return a model's spec and what must be fetched before it can be used first."""
    for model in _PUBLISHED:
        if spec == model.spec:
            size = model.download_bytes / 1e9
            return f"{spec} ({size:.1f} GB to download unless it is in the cache)"
    return spec


def _published(
    alias: str,
    spec: str,
    facts: tuple[int, int, int],
    licence: str,
    languages: str,
    description: str,
    scores: Mapping[str, float] | None = None,
    source: str = "",
    repo: str = "",
) -> Model:
    dim, image_size, parameters = facts
    kind: Kind = "words" if image_size == 0 else "images and words"
    return Model(
        alias=alias,
        spec=spec,
        dim=dim,
        image_size=image_size,
        parameters=parameters,
        licence=licence,
        languages=languages,
        description=description,
        scores=scores or {},
        scores_source=source,
        download_bytes=parameters * _BYTES_PER_PARAMETER,
        repo=repo or spec.removeprefix(HF),
        kind="images" if languages == IMAGES_ONLY else kind,
    )


_COCO, _COCO_BACK = "COCO text to image R@1", "COCO image to text R@1"
_FLICKR, _FLICKR_CN = "Flickr30k text to image R@1", "Flickr30k-CN text to image R@1"

_SIGLIP2 = "google-research/big_vision: README_siglip2.md"
_OPEN_CLIP = "mlfoundations/open_clip: docs/openclip_retrieval_results.csv"
_CHINESE_CLIP = "OFA-Sys/Chinese-CLIP: Results.md"

_PUBLISHED = (
    _published(
        "siglip2-b32-256",
        "open_clip:ViT-B-32-SigLIP2-256/webli",
        (768, 256, 376_856_066),
        "Apache-2.0",
        "many",
        "Recommended: fast, many languages",
        {_COCO: 0.472, _COCO_BACK: 0.637},
        _SIGLIP2,
        repo="timm/ViT-B-32-SigLIP2-256",
    ),
    _published(
        "siglip2-b16-256",
        "open_clip:ViT-B-16-SigLIP2-256/webli",
        (768, 256, 375_234_050),
        "Apache-2.0",
        "many",
        "Better than siglip2-b32-256; four times as many patches to look at",
        {_COCO: 0.532, _COCO_BACK: 0.697},
        _SIGLIP2,
        repo="timm/ViT-B-16-SigLIP2-256",
    ),
    _published(
        "siglip2-l16-256",
        "open_clip:ViT-L-16-SigLIP2-256/webli",
        (1024, 256, 881_526_786),
        "Apache-2.0",
        "many",
        "Better still, for a GPU",
        {_COCO: 0.547, _COCO_BACK: 0.715},
        _SIGLIP2,
        repo="timm/ViT-L-16-SigLIP2-256",
    ),
    _published(
        "siglip2-so400m-378",
        "open_clip:ViT-SO400M-14-SigLIP2-378/webli",
        (1152, 378, 1_136_008_498),
        "Apache-2.0",
        "many",
        "The best of SigLIP 2 here, for a GPU; sees small things",
        {_COCO: 0.558, _COCO_BACK: 0.717},
        _SIGLIP2,
        repo="timm/ViT-SO400M-14-SigLIP2-378",
    ),
    _published(
        "clip-b32",
        "open_clip:ViT-B-32-quickgelu/openai",
        (512, 224, 151_277_313),
        "MIT",
        "English",
        "OpenAI's CLIP, the reference that others are compared with",
        {_COCO: 0.3044, _COCO_BACK: 0.5012, _FLICKR: 0.5878},
        _OPEN_CLIP,
        repo="timm/vit_base_patch32_clip_224.openai",
    ),
    _published(
        "clip-l14",
        "open_clip:ViT-L-14-quickgelu/openai",
        (768, 224, 427_616_513),
        "MIT",
        "English",
        "OpenAI's CLIP, large",
        {_COCO: 0.3651, _COCO_BACK: 0.5634, _FLICKR: 0.6496},
        _OPEN_CLIP,
        repo="timm/vit_large_patch14_clip_224.openai",
    ),
    _published(
        "datacomp-b32-256",
        "open_clip:ViT-B-32-256/datacomp_s34b_b86k",
        (512, 256, 151_288_833),
        "MIT",
        "English",
        "LAION's CLIP trained on DataComp",
        {_COCO: 0.3993, _COCO_BACK: 0.5792, _FLICKR: 0.6492},
        _OPEN_CLIP,
        repo="laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
    ),
    _published(
        "laion-l14",
        "open_clip:ViT-L-14/laion2b_s32b_b82k",
        (768, 224, 427_616_513),
        "MIT",
        "English",
        "LAION's CLIP, large",
        {_COCO: 0.4651, _COCO_BACK: 0.6336, _FLICKR: 0.7552},
        _OPEN_CLIP,
        repo="laion/CLIP-ViT-L-14-laion2B-s32B-b82K",
    ),
    _published(
        "metaclip2-h14",
        "hf:facebook/metaclip-2-worldwide-huge-quickgelu",
        (1024, 224, 1_858_783_745),
        "CC-BY-NC-4.0",
        "many",
        "MetaCLIP 2: not for commercial use; for a GPU",
    ),
    _published(
        "altclip-m9",
        "hf:BAAI/AltCLIP-m9",
        (768, 224, 864_186_113),
        "CreativeML OpenRAIL-M",
        "en, zh, es, fr, ru, ja, ko, ar, it",
        "AltCLIP: CLIP L/14's images with the words of nine languages",
    ),
    _published(
        "chinese-clip-b16",
        "hf:OFA-Sys/chinese-clip-vit-base-patch16",
        (512, 224, 188_262_913),
        "MIT",
        "zh",
        "Chinese-CLIP",
        {_FLICKR_CN: 0.627},
        _CHINESE_CLIP,
    ),
    _published(
        "dinov2-b14",
        "hf:facebook/dinov2-base",
        (768, 224, 86_580_480),
        "Apache-2.0",
        IMAGES_ONLY,
        "DINOv2: finds images that look alike, down to their parts",
    ),
    _published(
        "dinov2-s14",
        "hf:facebook/dinov2-small",
        (384, 224, 22_056_576),
        "Apache-2.0",
        IMAGES_ONLY,
        "DINOv2, small and fast",
    ),
    _published(
        "vit-b16",
        "hf:google/vit-base-patch16-224",
        (768, 224, 85_798_656),
        "Apache-2.0",
        IMAGES_ONLY,
        "ViT trained on ImageNet's classes: finds images of the same kind of thing",
    ),
    _published(
        "resnet50",
        "hf:microsoft/resnet-50",
        (2048, 224, 23_508_032),
        "Apache-2.0",
        IMAGES_ONLY,
        "ResNet-50, the classic of image retrieval",
    ),
    _published(
        "minilm",
        "hf:sentence-transformers/all-MiniLM-L6-v2",
        (384, 0, 22_713_216),
        "Apache-2.0",
        "English",
        "Sentences: finds descriptions by what they mean; small and fast",
    ),
    _published(
        "mpnet",
        "hf:sentence-transformers/all-mpnet-base-v2",
        (768, 0, 109_486_464),
        "Apache-2.0",
        "English",
        "Sentences: better than minilm, five times as large",
    ),
    _published(
        "minilm-multilingual",
        "hf:sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
        (384, 0, 117_653_760),
        "Apache-2.0",
        "50 languages",
        "Sentences of many languages in one space",
    ),
)
"""Parameters are counted on the architecture, of which the download is four bytes each."""


def _builtin() -> Model:
    from embed.builtin.encoder import read_facts

    facts = read_facts(_BUILTIN_DATA)
    return Model(
        alias=BUILTIN,
        spec=BUILTIN,
        dim=facts.dim,
        image_size=facts.image_size,
        parameters=0,
        licence="Apache-2.0",
        languages=", ".join(facts.languages),
        description="Comes with Eidetic: no download, no torch",
        scores_source="embed/builtin/data/MODEL_CARD.md",
    )
