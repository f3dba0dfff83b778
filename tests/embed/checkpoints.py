"""Checkpoints of transformers' real classes, tiny and with random weights, and what to encode."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ["<pad>", "<unk>", "<start>", "<end>", "a", "dog", "on", "the", "beach", "red", "boat"]
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
TEXT = {**TOWER, "vocab_size": len(WORDS), "max_position_embeddings": 16}
VISION = {**TOWER, "image_size": 32, "patch_size": 8}


def save_tokenizer(folder: Path, max_length: int = 16) -> None:
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", 3)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<start>",
        eos_token="<end>",
        model_max_length=max_length,
    ).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    text = {**TEXT, "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0}
    config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=24)
    transformers.CLIPModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


def save_siglip(folder: Path) -> None:
    config = transformers.SiglipConfig(text_config=TEXT, vision_config=VISION)
    model = transformers.SiglipModel(config)
    # As after training, roughly; new ones are 0.
    torch.nn.init.constant_(model.logit_scale, 2.0)
    torch.nn.init.constant_(model.logit_bias, -1.0)
    model.save_pretrained(folder)
    transformers.SiglipImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)


def save_siglip2_naflex(folder: Path) -> None:
    """SigLIP 2 that takes images of any shape, in patches."""
    vision = {**TOWER, "patch_size": 8, "num_patches": 16}
    config = transformers.Siglip2Config(text_config=TEXT, vision_config=vision)
    transformers.Siglip2Model(config).save_pretrained(folder)
    transformers.Siglip2ImageProcessor(patch_size=8, max_num_patches=16).save_pretrained(folder)


def save_siglip2_tokenizer(folder: Path) -> None:
    """SigLIP 2's tokenizer, of single letters; its models of one size are SigLIP's class."""
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    vocabulary = {token: i for i, token in enumerate([*marks, "\u2581", *"adogb"])}
    transformers.Siglip2Tokenizer(vocabulary, model_max_length=16).save_pretrained(folder)


def save_chinese_clip(folder: Path) -> None:
    config = transformers.ChineseCLIPConfig(
        text_config=TEXT, vision_config=VISION, projection_dim=24
    )
    transformers.ChineseCLIPModel(config).save_pretrained(folder)
    transformers.ChineseCLIPImageProcessor(
        size={"height": 32, "width": 32}, do_center_crop=False
    ).save_pretrained(folder)


def save_altclip(folder: Path) -> None:
    text = {**TEXT, "max_position_embeddings": 17, "pad_token_id": 0, "project_dim": 24}
    config = transformers.AltCLIPConfig(
        text_config=text, vision_config={**VISION, "projection_dim": 24}, projection_dim=24
    )
    transformers.AltCLIPModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


def save_metaclip_2(folder: Path) -> None:
    text = {**TEXT, "eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0}
    config = transformers.MetaClip2Config(text_config=text, vision_config=VISION, projection_dim=24)
    transformers.MetaClip2Model(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path], None]] = {
    "clip": save_clip,
    "siglip": save_siglip,
    "siglip2": save_siglip,
    "chinese_clip": save_chinese_clip,
    "altclip": save_altclip,
    "metaclip_2": save_metaclip_2,
}


def noise(width: int, height: int) -> PIL.Image.Image:
    rng = np.random.default_rng(width * height)
    small = rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return PIL.Image.fromarray(small).resize((width, height), PIL.Image.Resampling.BICUBIC)


IMAGES = [noise(200, 100), noise(97, 151), noise(32, 32), noise(20, 45)]
TEXTS = ["a dog on the beach", "boat", "red " * 40]
