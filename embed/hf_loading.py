"""The boundary to transformers while a model is loaded: its words kept in, its errors made ours."""

from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import shorten

from embed.hub import quiet
from schema.errors import EideticError, ModelUnavailable

REASON_CHARACTERS = 300
"""How much of transformers' explanation an error carries."""


@contextmanager
def loading(source: str) -> Iterator[None]:
    """Load a model without transformers' bars and warnings; not for threads.

    Raises:
        ModelUnavailable: Whatever goes wrong within, unless it is an error of Eidetic's own.
    """
    from transformers.utils import logging

    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with quiet():
            yield
    except EideticError:
        raise
    except Exception as error:
        # Some of its messages list every family there is.
        said = str(error).strip(" \n.") or type(error).__name__
        reason = shorten(said, REASON_CHARACTERS)
        raise ModelUnavailable(
            f"transformers cannot load {source}: {reason}. Give a folder with all of its files "
            "(config.json, weights, tokenizer, preprocessor_config.json), or the built-in model "
            "(--model builtin)"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()
