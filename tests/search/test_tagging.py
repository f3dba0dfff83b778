"""Labels go where they fit, stay apart from keywords, and are replaced as a whole."""

from collections.abc import Sequence

import numpy as np
import pytest

from embed.encoder import ToyEncoder, unit
from schema import Embedded, ImageRecord, MemoryStore, UsageError, Vectors
from schema.fields import MAX_TAGS
from schema.filters import InFolder, Tagged
from search.tagging import NEUTRAL, Tagging, standout, tag, untag
from tests.conftest import MakeStore
from tests.samples import a_collection, a_record

ENCODER = ToyEncoder()
COLOURS = ("red", "green", "blue")
TEMPLATE = "a {} thing"


def rows() -> list[Embedded]:
    vectors = ENCODER.encode_texts(COLOURS)
    return [
        Embedded(a_record(f"{folder}/{colour}.jpg", tags=("mine",)), vectors[n])
        for folder in ("x", "y")
        for n, colour in enumerate(COLOURS)
    ]


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(a_collection(ENCODER.dim))
    store.upsert(rows())
    return store


def give(store: MemoryStore, labels: Sequence[str], **options: object) -> Tagging:
    options = {"template": TEMPLATE, **options}
    return tag(labels, store=store, encoder=lambda: ENCODER, **options)  # type: ignore[arg-type]


def labels(store: MemoryStore) -> dict[str, tuple[str, ...]]:
    return {record.path: record.labels for record in store.iterate() if record.labels}


def test_a_label_goes_to_the_images_it_fits_and_a_filter_finds_them(store: MemoryStore) -> None:
    done = give(store, ["red", "green", "submarine"])
    assert labels(store) == {
        "x/red.jpg": ("red",),
        "x/green.jpg": ("green",),
        "y/red.jpg": ("red",),
        "y/green.jpg": ("green",),
    }
    assert (done.rows, done.tagged, done.changed) == (6, 4, 4)
    assert [(each.label, each.images) for each in done.counts] == [
        ("red", 2), ("green", 2), ("submarine", 0),
    ]  # fmt: skip
    assert {record.path for record in store.iterate("", [Tagged("Red")])} == {
        "x/red.jpg", "y/red.jpg",
    }  # fmt: skip


def test_keywords_vectors_and_all_other_facts_stay(make_store: MakeStore) -> None:
    store = make_store(dim=ENCODER.dim)
    store.upsert(rows())
    ids = [row.record.id for row in rows()]
    before = store.vectors(ids)
    tag(COLOURS, store=store, encoder=lambda: ENCODER, template=TEMPLATE)
    after = store.get(ids)
    for row in rows():
        colour = row.record.name.removesuffix(".jpg")
        assert after[row.record.id].labels == (colour,)
        assert after[row.record.id].tags == ("mine",)
        assert np.array_equal(store.vectors(ids)[row.record.id], before[row.record.id])
    untag(store=store)
    assert store.get(ids) == {row.record.id: row.record for row in rows()}
    assert store.count() == 6


def test_other_labels_replace_those_of_the_chosen_rows_alone(store: MemoryStore) -> None:
    give(store, COLOURS)
    done = give(store, ["blue", "submarine"], filters=[InFolder("x")])
    assert (done.rows, done.changed) == (3, 2)
    assert labels(store) == {
        "x/blue.jpg": ("blue",),
        "y/red.jpg": ("red",),
        "y/green.jpg": ("green",),
        "y/blue.jpg": ("blue",),
    }


def test_the_same_labels_again_write_nothing(store: MemoryStore) -> None:
    give(store, COLOURS)
    before = dict(store._rows)
    assert give(store, COLOURS).changed == 0
    assert all(store._rows[row] is before[row] for row in before)


def test_a_dry_run_tells_and_writes_nothing(store: MemoryStore) -> None:
    done = give(store, COLOURS, dry_run=True)
    assert (done.tagged, done.changed, done.dry_run) == (6, 6, True)
    assert labels(store) == {}


def test_labels_are_taken_away(store: MemoryStore) -> None:
    give(store, COLOURS)
    done = untag(store=store, filters=[InFolder("y")])
    assert (done.rows, done.tagged, done.changed) == (3, 0, 3)
    assert set(labels(store)) == {"x/red.jpg", "x/green.jpg", "x/blue.jpg"}


def test_a_higher_threshold_gives_fewer_labels(store: MemoryStore) -> None:
    counts = [give(store, COLOURS, threshold=z, dry_run=True).tagged for z in (-100, 2, 100)]
    assert counts == [6, 6, 0]


def test_a_row_takes_the_clearest_labels_that_it_can_hold(store: MemoryStore) -> None:
    names = [f"label {n}" for n in range(MAX_TAGS + 10)] + ["red"]
    give(store, names, threshold=-100)
    held = labels(store)["x/red.jpg"]
    assert len(held) == MAX_TAGS
    assert held[0] == "red"


def test_the_template_is_what_is_said_of_an_image(store: MemoryStore) -> None:
    give(store, ["thing"], template="red {}")
    # Every neutral text is red too then, so that nothing stands out.
    assert labels(store) == {}


def test_standing_out_is_told_in_deviations_of_the_images_own_level() -> None:
    random = np.random.default_rng(0)
    images, texts, neutral = (unit(random.standard_normal((n, 16))) for n in (3, 2, 40))
    found = standout(images, texts, neutral)
    for i in range(3):
        level = [float(images[i] @ each) for each in neutral]
        for t in range(2):
            expected = (float(images[i] @ texts[t]) - np.mean(level)) / np.std(level)
            assert found[i, t] == pytest.approx(expected, abs=1e-4)


def test_neutral_texts_are_many_and_differ() -> None:
    assert len(set(NEUTRAL)) == len(NEUTRAL) > 50


def test_what_cannot_be_used_is_refused_before_the_model_is_loaded(store: MemoryStore) -> None:
    def unloadable() -> ToyEncoder:
        raise AssertionError("the model was loaded")

    for names, options, says in (
        ([], {}, "no labels"),
        (["a", " a "], {}, "more than once"),
        (["a", ""], {}, "label 2 of 2 is empty"),
        (["é" * 65], {}, "130 bytes"),
        (["a"], {"template": "a photo"}, "no place for the label"),
        (["a"], {"threshold": float("nan")}, "standard deviations"),
    ):
        with pytest.raises(UsageError, match=says):
            tag(names, store=store, encoder=unloadable, **options)  # type: ignore[arg-type]


def test_a_model_without_words_says_what_to_use(store: MemoryStore) -> None:
    class Wordless(ToyEncoder):
        scoring = None  # type: ignore[assignment]

    with pytest.raises(UsageError, match=r"takes images only.*siglip2-b32-256"):
        tag(["a"], store=store, encoder=Wordless)


def test_a_row_that_changed_meanwhile_keeps_its_new_facts(store: MemoryStore) -> None:
    class Slow(MemoryStore):
        """Changes a row once all have been read."""

        def iterate(self, *given: object, **named: object):  # type: ignore[no-untyped-def]
            yield from super().iterate(*given, **named)  # type: ignore[arg-type]
            row = self._rows[changed]
            facts = {"tags": ("new",), "labels": row.record.labels}
            self.upsert([Embedded(a_record("x/red.jpg", **facts), row.vector)])

    changed = a_record("x/red.jpg").id
    slow = Slow(a_collection(ENCODER.dim))
    slow.upsert(rows())
    give(slow, COLOURS)
    record: ImageRecord = slow.get([changed])[changed]
    assert (record.tags, record.labels) == (("new",), ("red",))


def test_vectors_are_of_the_stores_rows_not_of_the_encoder(store: MemoryStore) -> None:
    class TextsOnly(ToyEncoder):
        def encode_images(self, batch: object) -> Vectors:
            raise AssertionError("an image was embedded")

        def encode_texts(self, texts: Sequence[str]) -> Vectors:
            return ENCODER.encode_texts(texts)

    assert tag(COLOURS, store=store, encoder=TextsOnly, template=TEMPLATE).tagged == 6
