"""The built-in model: what it promises as an encoder, and that its data folder is sound."""

import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from embed.builtin import BuiltinEncoder
from embed.builtin.encoder import DATA
from embed.encoder import Encoder
from schema.errors import ModelUnavailable

HOUSE = DATA.parents[2]
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def encoder():
    return BuiltinEncoder()


@pytest.fixture(scope="module")
def images():
    """Five images of different sizes and aspect ratios, drawn from a fixed seed."""
    rng = np.random.default_rng(7)
    sizes = [(40, 30), (300, 90), (64, 64), (97, 211), (500, 333)]
    return [
        Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size)
        for size in sizes
    ]


@pytest.fixture
def copied_data(tmp_path):
    """A copy of the model's files that a test may damage."""
    return Path(shutil.copytree(DATA, tmp_path / "data"))


def run_python(code):
    """Run code in a fresh interpreter and return what it prints, parsed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=HOUSE
    )
    return json.loads(done.stdout)


def test_it_is_an_encoder(encoder):
    assert isinstance(encoder, Encoder)
    assert encoder.spec == "builtin"


def test_the_fingerprint_names_version_and_preprocessing(encoder):
    facts = json.loads((DATA / "model.json").read_text())
    assert encoder.fingerprint == f"builtin-{facts['version']}-{facts['preprocessing']}"


def test_it_says_which_languages_it_understands(encoder):
    assert {"en", "ar"} <= set(encoder.languages)


def test_prepared_images_share_one_shape_whatever_the_aspect_ratio(encoder, images):
    shapes = {encoder.resizing.apply(image).shape for image in images}
    assert shapes == {(encoder.image_size, encoder.image_size, 3)}
    assert encoder.resizing.apply(images[0]).dtype == np.uint8


def test_image_vectors_are_unit_float32_rows(encoder, images):
    vectors = encoder.encode_images([encoder.resizing.apply(image) for image in images])
    assert vectors.shape == (len(images), encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_text_vectors_are_unit_float32_rows(encoder):
    vectors = encoder.encode_texts(["a dog", "two people on a mountain", "كلب"])
    assert vectors.shape == (3, encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_input_gives_no_rows(encoder):
    assert encoder.encode_images([]).shape == (0, encoder.dim)
    assert encoder.encode_texts([]).shape == (0, encoder.dim)


def test_the_same_input_gives_the_same_bytes_in_another_encoder(encoder, images):
    again = BuiltinEncoder()
    batch = [encoder.resizing.apply(image) for image in images]
    assert np.array_equal(encoder.encode_images(batch), again.encode_images(batch))
    assert np.array_equal(encoder.encode_texts(["a red bus"]), again.encode_texts(["a red bus"]))


def test_the_batch_an_image_is_in_does_not_matter(encoder, images):
    batch = [encoder.resizing.apply(image) for image in images] * 15
    together = encoder.encode_images(batch)
    alone = np.concatenate([encoder.encode_images([image]) for image in batch[:5]])
    np.testing.assert_allclose(together[:5], alone, atol=2e-5)
    np.testing.assert_allclose(together[-5:], alone, atol=2e-5)


def test_the_batch_a_text_is_in_does_not_matter(encoder):
    texts = ["a dog", "a very long sentence about " + "many things and " * 8, ""]
    together = encoder.encode_texts(texts * 100)
    alone = np.concatenate([encoder.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(together[:3], alone, atol=2e-5)
    np.testing.assert_allclose(together[-3:], alone, atol=2e-5)


def test_the_number_of_threads_does_not_matter(encoder, images):
    batch = [encoder.resizing.apply(image) for image in images]
    single = BuiltinEncoder(intra_op_num_threads=1)
    np.testing.assert_allclose(encoder.encode_images(batch), single.encode_images(batch), atol=2e-5)


def test_a_text_longer_than_the_model_reads_is_cut(encoder):
    limit = json.loads((DATA / "model.json").read_text())["max_tokens"]
    start = "dog " * limit
    long, longer = encoder.encode_texts([start + "cat " * 50, start + "boat " * 5000])
    assert np.array_equal(long, longer)


@pytest.mark.parametrize("text", ["", "   ", "\n", "!!!", "🦄", "\x00", "ـــ"])
def test_a_text_without_words_still_has_a_vector(encoder, text):
    vector = encoder.encode_texts([text])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_case_and_accents_do_not_matter(encoder):
    plain, loud = encoder.encode_texts(["a cafe in paris", "A Café in PARIS"])
    assert np.array_equal(plain, loud)


def test_vowel_marks_and_forms_of_alef_do_not_matter_in_arabic(encoder):
    plain, marked = encoder.encode_texts(["ولد احمر", "وَلَدٌ أحمر"])
    assert np.array_equal(plain, marked)


@pytest.mark.parametrize(
    ("translation", "same", "other"),
    [
        ("كلب يجري على العشب", "a dog runs on the grass", "a man climbs a mountain"),
        ("رجل يتسلق الجبل", "a man climbs a mountain", "a dog runs on the grass"),
        ("ein Hund läuft über das Gras", "a dog runs on the grass", "a man climbs a mountain"),
        ("un homme escalade une montagne", "a man climbs a mountain", "a dog runs on the grass"),
        ("pes běží po trávě", "a dog runs on the grass", "a man climbs a mountain"),
        ("一只狗在草地上奔跑", "a dog runs on the grass", "a man climbs a mountain"),
    ],
)
def test_a_translation_is_nearer_to_its_sentence_than_to_another(encoder, translation, same, other):
    vector, right, wrong = encoder.encode_texts([translation, same, other])
    assert vector @ right > vector @ wrong + 0.1


def test_a_text_query_never_loads_the_image_tower(monkeypatch):
    opened = []
    monkeypatch.setattr(BuiltinEncoder, "_checked", spying_on(BuiltinEncoder._checked, opened))
    BuiltinEncoder().encode_texts(["a dog"])
    assert sorted(opened) == ["text.onnx", "tokenizer.json"]


def test_making_an_encoder_loads_neither_tower(monkeypatch):
    opened = []
    monkeypatch.setattr(BuiltinEncoder, "_checked", spying_on(BuiltinEncoder._checked, opened))
    BuiltinEncoder()
    assert opened == []


def test_threads_that_start_together_load_each_tower_once(monkeypatch, images):
    opened = []
    monkeypatch.setattr(BuiltinEncoder, "_checked", spying_on(BuiltinEncoder._checked, opened))
    shared = BuiltinEncoder()
    prepared = [shared.resizing.apply(images[0])]
    threads = [threading.Thread(target=shared.encode_images, args=(prepared,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == ["image.onnx"]


def spying_on(method, opened):
    def spy(self, name):
        opened.append(name)
        return method(self, name)

    return spy


def test_importing_it_loads_no_heavy_library():
    loaded = run_python(
        "import json, sys, embed.builtin;"
        "embed.builtin.BuiltinEncoder();"
        "heavy = {'torch', 'onnxruntime', 'openvino', 'tokenizers'};"
        "print(json.dumps(sorted(heavy & set(sys.modules))))"
    )
    assert loaded == []


def test_using_it_imports_no_torch_and_words_no_engine_of_images():
    loaded = run_python(
        "import json, sys; from PIL import Image; from embed.builtin import BuiltinEncoder;"
        "engines = lambda: [m for m in ('torch', 'onnxruntime', 'openvino') if m in sys.modules];"
        "e = BuiltinEncoder(); e.encode_texts(['a dog']); words = engines();"
        "e.encode_images([e.resizing.apply(Image.new('RGB', (9, 9)))]);"
        "print(json.dumps([words, engines()]))"
    )
    assert loaded == [["onnxruntime"], ["onnxruntime", "openvino"]]


@pytest.mark.parametrize("name", ["model.json", "text.onnx", "tokenizer.json"])
def test_a_missing_file_makes_the_model_unavailable(copied_data, name):
    (copied_data / name).unlink()
    with pytest.raises(ModelUnavailable, match=rf"{re.escape(name)}.*Install eidetic again"):
        BuiltinEncoder(data=copied_data).encode_texts(["a dog"])


@pytest.mark.parametrize("name", ["text.onnx", "tokenizer.json"])
def test_a_damaged_file_makes_the_model_unavailable(copied_data, name):
    content = bytearray((copied_data / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied_data / name).write_bytes(content)
    with pytest.raises(ModelUnavailable, match=rf"damaged: .*{re.escape(name)}"):
        BuiltinEncoder(data=copied_data).encode_texts(["a dog"])


def test_a_cut_off_image_tower_makes_the_model_unavailable(copied_data, images):
    whole = (copied_data / "image.onnx").read_bytes()
    (copied_data / "image.onnx").write_bytes(whole[:1000])
    broken = BuiltinEncoder(data=copied_data)
    with pytest.raises(ModelUnavailable, match=r"image\.onnx has 1000 bytes"):
        broken.encode_images([broken.resizing.apply(images[0])])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": "1", "dim": "many"}'])
def test_a_description_that_is_none_makes_the_model_unavailable(copied_data, content):
    (copied_data / "model.json").write_text(content)
    with pytest.raises(ModelUnavailable, match=r"damaged: .*model\.json"):
        BuiltinEncoder(data=copied_data)


def test_the_files_fit_into_the_package():
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 40 * MEGABYTE


def test_the_data_folder_holds_what_the_model_needs_and_nothing_else():
    names = {path.name for path in DATA.iterdir()}
    assert names == {"image.onnx", "text.onnx", "tokenizer.json", "model.json", "MODEL_CARD.md"}


def test_the_model_card_reports_the_recorded_recall_of_every_language():
    recall = json.loads((DATA / "model.json").read_text())["scores"]["text_to_image"]
    card = (DATA / "MODEL_CARD.md").read_text()
    for language, scores in recall.items():
        figures = " | ".join(f"{scores[f'R@{k}']:.1f}" for k in (1, 5, 10))
        assert f"| {language} | {figures} |" in card


def test_the_model_card_reports_the_recorded_zero_shot_accuracy():
    scores = json.loads((DATA / "model.json").read_text())["scores"]["zero_shot"]
    card = (DATA / "MODEL_CARD.md").read_text()
    assert f"top-1 {scores['top-1']:.1f} %, top-5 {scores['top-5']:.1f} %" in card


@pytest.mark.kit
@pytest.mark.parametrize(("language", "least"), [("en", 0.24), ("ar", 0.17)])
def test_captions_find_their_images_among_those_of_the_kit(encoder, kit, language, least):
    lines = [json.loads(line) for line in (kit / "captions.jsonl").read_text().splitlines()]
    with_captions = [line for line in lines if line["captions"].get(language)]
    prepared = []
    for line in with_captions:
        with Image.open(kit / "photos" / line["file"]) as image:
            prepared.append(encoder.resizing.apply(image))
    vectors = encoder.encode_images(prepared)
    texts = encoder.encode_texts([line["captions"][language][0] for line in with_captions])
    scores = texts @ vectors.T
    ranks = (scores > np.diagonal(scores)[:, None]).sum(axis=1)
    assert (ranks < 10).mean() >= least
