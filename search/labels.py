"""Labels that a model is asked about, and the sentences made of them."""

from collections import Counter
from collections.abc import Sequence

from schema.errors import UsageError
from search.words import sound_words

DEFAULT_TEMPLATE = "This is a photo of {}."
"""The sentence that SigLIP's authors, and transformers' pipeline, make of a label."""

DEFAULT_TAG_THRESHOLD = 2.5
"""Standard deviations by which a label is to stand out, see `search.tagging`. Precision and recall
are in balance at 2.2 with both models measured; a wrong label is worse than a missing one."""


def check_labels(labels: Sequence[str]) -> list[str]:
    """Return labels without space around them.

    Raises:
        UsageError: There are none, one is empty, or one is there twice.
    """
    if not labels:
        raise UsageError("there are no labels: give at least one, as in --labels cat,dog")
    names = [
        sound_words(label, f"label {place} of {len(labels)}")
        for place, label in enumerate(labels, start=1)
    ]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"the label {twice!r} is given more than once; give it once")
    return names


def check_template(template: str) -> None:
    """Refuse a template without a place for the label.

    Raises:
        UsageError: There is no ``{}`` in it.
    """
    if "{}" not in template:
        raise UsageError(
            f"the template {template!r} has no place for the label; write {{}} where it is to "
            f"stand, as in {DEFAULT_TEMPLATE!r}"
        )


def fill(template: str, labels: Sequence[str]) -> list[str]:
    """Return what is said of an image, for each label."""
    return [template.replace("{}", label) for label in labels]
