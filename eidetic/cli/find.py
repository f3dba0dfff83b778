"""Commands that find images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eidetic.cli.hits_output import (
    CopyTo,
    Csv,
    Gallery,
    HitsOutput,
    LinkTo,
    Nul,
    Open,
    Paths,
    Show,
)
from eidetic.cli.options import open_archive, options, settings_of

if TYPE_CHECKING:
    from eidetic.archive import Archive
    from eidetic.results import Hits

K = Annotated[int, typer.Option("-k", "--count", help="How many hits.", metavar="K")]
Where = Annotated[
    str,
    typer.Option(
        help="Only rows for which a Milvus expression holds, as in 'rating >= 4 and "
        'path like "2019/%"\'.',
        metavar="EXPR",
    ),
]
Offset = Annotated[int, typer.Option(help="Pass over this many of the best hits.", metavar="N")]
Fold = Annotated[
    bool,
    typer.Option("--fold", help="Fold hits of one burst or image under the best of them."),
]
Diverse = Annotated[
    bool, typer.Option("--diverse", help="Hits that differ from each other come first.")
]
Diversity = Annotated[
    float | None,
    typer.Option(
        help="How much it counts that hits differ, from 0 to 1; 0.4 with --diverse alone.",
        metavar="SHARE",
    ),
]


def search(
    context: typer.Context,
    query: Annotated[
        list[str] | None, typer.Argument(help="Words that say what the image shows, and filters.")
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(help="An image to find the like of; may be repeated.", metavar="PATH"),
    ] = None,
    k: K = 10,
    where: Where = "",
    offset: Offset = 0,
    words: Annotated[
        bool,
        typer.Option(
            " /--no-words",
            help="Do not look for the words in names and metadata.",
            show_default=False,
        ),
    ] = True,
    likely: Annotated[
        bool, typer.Option("--likely", help="Leave out hits that are only the nearest there are.")
    ] = False,
    sort: Annotated[
        str,
        typer.Option(
            help="Order of the likely hits: score, newest, oldest, folder.", metavar="ORDER"
        ),
    ] = "score",
    fold: Fold = False,
    diverse: Diverse = False,
    diversity: Diversity = None,
    paths: Paths = False,
    null: Nul = False,
    descriptions: Annotated[
        bool,
        typer.Option(
            "--descriptions",
            help="Look among titles, descriptions, keywords, names and places, by what they mean; "
            "see `eidetic descriptions`.",
        ),
    ] = False,
    text_model: Annotated[
        str | None,
        typer.Option(
            help="Ask in the words of another model that shares the archive's image tower, which "
            "is verified first. \\[env: EIDETIC_TEXT_MODEL]",
            metavar="SPEC",
        ),
    ] = None,
    csv: Csv = False,
    show: Show = False,
    copy_to: CopyTo = None,
    link_to: LinkTo = None,
    gallery: Gallery = None,
    open_hits: Open = False,
) -> None:
    """Find images by words, by image, or by both.

    Words are looked for in what images show, and in file names, titles, keywords and places. Hits
    that are only the nearest there are, and unlikely to be meant, are marked weak.

    In a query, -word leaves out, 2:word counts twice, +./ref.jpg looks for the like of an image,
    quotes group. Filters: date:2019..2021-06 camera:nikon lens:sigma in:holidays/ tag:beach
    rating:>=4 near:48.85,2.35,10km type:photo|frame format:heic width:>=3000 height: iso: place:
    country: name: and -tag:beach for the others. Filters alone list images, the newest first.

    The shell takes double quotes for itself: put a query that has some in single quotes.

    Examples:
        eidetic search two dogs on a beach

        eidetic search dogs -people 'rating:>=4'

        eidetic search 'dogs -"a red car" date:2019'

        eidetic search chelsea 2019-06-15

        eidetic search a beach --no-words

        eidetic search a beach --likely --sort newest -k 100

        eidetic search --image me.jpg -k 5

        eidetic search "on a bicycle" --image me.jpg --where "rating >= 4"

        eidetic search --descriptions "family holidays at the sea" date:2019

        eidetic search "شاطئ" --text-model altclip-m9

        eidetic search dog -k 20 --fold --diverse

        eidetic search cat -0 | xargs -0 ls -l

        eidetic search cat -k 50 --gallery cats.html --open

        eidetic search cat -k 50 --copy-to ~/cats
    """
    ready = HitsOutput(
        json=options(context).json,
        paths=paths,
        null=null,
        csv=csv,
        show=show,
        copy_to=copy_to,
        link_to=link_to,
        gallery=gallery,
        open=open_hits,
    ).check()
    question: dict[str, Any] = {
        "k": k,
        "offset": offset,
        "where": where,
        "words": words,
        "likely": likely,
        # Checked by the query itself, whose message names the orders there are.
        "sort": sort,
        "fold": fold,
        "diversity": _diversity(diverse, diversity),
    }
    from eidetic.served import search_served

    text = " ".join(query or [])
    archive: Archive | None = None
    hits: Hits | None = None
    if not (image or descriptions or text_model or ready.wanted.needs_files):
        hits = search_served(settings_of(context), text, question)
    if hits is None:
        with open_archive(context, text_model=text_model) as archive:
            hits = archive.search(
                text if query else (), images=image or (), descriptions=descriptions, **question
            )
    _warn(context, hits, cut=likely or sort != "score")
    # Closed by now: another command need not wait for what reads this one's output.
    ready.deliver(archive, hits)


def similar(
    context: typer.Context,
    image: Annotated[str, typer.Argument(metavar="PATH_OR_ID", help="An image file or a row id.")],
    k: K = 10,
    where: Where = "",
    offset: Offset = 0,
    fold: Fold = False,
    diverse: Diverse = False,
    diversity: Diversity = None,
    paths: Paths = False,
    null: Nul = False,
    csv: Csv = False,
    show: Show = False,
    copy_to: CopyTo = None,
    link_to: LinkTo = None,
    gallery: Gallery = None,
    open_hits: Open = False,
) -> None:
    """Find the images most like one image.

    An image that is itself in the archive comes first, with a score of 1.

    Examples:
        eidetic similar me.jpg

        eidetic similar 41c21fe1a2a0dba34e70a1e90ef1d8f6eb8b31e4 -k 3 --fold

        eidetic similar me.jpg --csv > hits.csv
    """
    ready = HitsOutput(
        json=options(context).json,
        paths=paths,
        null=null,
        csv=csv,
        show=show,
        copy_to=copy_to,
        link_to=link_to,
        gallery=gallery,
        open=open_hits,
    ).check()
    with open_archive(context) as archive:
        hits = archive.similar(
            image,
            k=k,
            where=where,
            offset=offset,
            fold=fold,
            diversity=_diversity(diverse, diversity),
        )
    ready.deliver(archive, hits)


def _warn(context: typer.Context, hits: "Hits", *, cut: bool) -> None:
    """Say on stderr where nothing that was found is likely to be what was asked for.

    Args:
        cut: Whether weak hits were left out.
    """
    if options(context).quiet or not (hits.are_weak or (cut and not hits)):
        return
    rest = (
        "without --likely and --sort the nearest are shown" if cut else "these are only the nearest"
    )
    typer.echo(f"nothing in this archive clearly looks like: {hits.query}; {rest}", err=True)


def _diversity(diverse: bool, share: float | None) -> float | None:
    from search import DEFAULT_DIVERSITY

    return DEFAULT_DIVERSITY if diverse and share is None else share
