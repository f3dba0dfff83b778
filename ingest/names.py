"""Which names a scan looks at: hidden and junk entries, kinds of files that hold no image,
excluded patterns.

A file is an image by its content. So every name is a candidate whose extension is not known to be
of something else, one without an extension too; `ingest.reading` then looks at the first bytes.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import Protocol

JUNK = frozenset(
    name.casefold()
    for name in (
        "@eaDir",  # Synology's thumbnails
        "#recycle",
        "#snapshot",
        "$RECYCLE.BIN",
        "System Volume Information",
        "RECYCLER",
        "__MACOSX",
        "lost+found",
        "Thumbs.db",
        "thumbnails.lrdata",
    )
)
"""Entries that systems and programs make beside images, and that hold copies or no images."""


VIDEOS = frozenset({
    "3g2", "3gp", "asf", "avi", "divx", "f4v", "flv", "insv", "m2t", "m2ts", "m2v", "m4v", "mk3d",
    "mkv", "mov", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "ogm", "ogv", "qt", "vob", "webm",
    "wmv",
})  # fmt: skip
"""Extensions, in lower case, of videos whose frames are indexed where they are files of a folder; a
listing of another kind (a bucket, a packed file) passes them over."""

NOT_IMAGES = frozenset({
    # Videos that FFmpeg does not read, small copies that cameras write beside others, and
    # extensions that mostly stand for something else.
    "braw", "dv", "lrv", "mod", "rm", "rmvb", "thm", "tod", "ts", "wtv",
    # Sound.
    "aac", "ac3", "aif", "aiff", "amr", "ape", "au", "caf", "dsf", "flac", "m3u", "m3u8", "m4a",
    "m4b", "m4p", "mid", "midi", "mka", "mp2", "mp3", "oga", "ogg", "opus", "pls", "ra", "wav",
    "wma", "wv",
    # Documents, and drawings that are no pixels.
    "ai", "azw", "azw3", "bib", "cdr", "chm", "csv", "djvu", "doc", "docm", "docx", "dot",
    "dotx", "dwg", "dxf", "eml", "epub", "fb2", "fodt", "htm", "html", "ics", "indd", "key",
    "log", "md", "mht", "mhtml", "mobi", "msg", "numbers", "odg", "odp", "ods", "odt", "one",
    "org", "otf", "ott", "pages", "pdf", "pfb", "pot", "pps", "ppsx", "ppt", "pptm", "pptx",
    "ps", "pub", "rst", "rtf", "svg", "svgz", "tex", "tsv", "ttc", "ttf", "txt", "vcf", "vsd",
    "vsdx", "webloc", "wks", "woff", "woff2", "wpd", "wps", "xhtml", "xls", "xlsb", "xlsm",
    "xlsx", "xps",
    # Archives and disk images.
    "7z", "ace", "apk", "appimage", "arj", "bz2", "cab", "cbr", "cbz", "cpio", "crx", "deb",
    "dmg", "gz", "img", "iso", "jar", "lha", "lz", "lz4", "lzh", "lzma", "msi", "nrg", "pkg",
    "qcow2", "rar", "rpm", "sit", "sitx", "snap", "squashfs", "tar", "tbz", "tgz", "txz", "vdi",
    "vhd", "vhdx", "vmdk", "war", "whl", "xz", "z", "zip", "zst",
    # What programs keep beside images.
    "aae", "acr", "cos", "cosessiondb", "costyle",
    "crdownload", "cube", "db", "dop", "icc", "icm", "ini", "lnk",
    "lock", "lrcat", "lrprev", "lrtemplate", "lut", "md5", "nksc", "on1", "par2",
    "part", "pp3", "ptn1", "sfv", "sha1", "sha256", "sqlite", "sqlite3", "swp", "tmp",
    "torrent", "url", "vrd", "xmp",
    # Programs, code and data.
    "a", "asm", "avro", "bat", "c", "cc", "cfg", "cfm", "class", "cmd", "com", "conf",
    "cpp", "cs", "css", "cxx", "dll", "dylib", "ejs", "elf", "exe", "fish", "glb",
    "gltf", "go", "gradle", "h", "h5", "hdf5", "hh", "hpp", "hxx", "idx", "ipynb", "java", "js",
    "json", "json5", "jsonl", "jsx", "kt", "kts", "lua", "m", "map", "mat", "mdb", "mjs", "mm",
    "mtl", "npy", "npz", "o", "obj", "onnx", "parquet", "pb", "pck", "pdb", "php", "pickle",
    "pkl", "pl", "ply", "pm", "proto", "ps1", "psm1", "pt", "pth", "py", "pyc", "pyd", "pyo",
    "pyx", "r", "rb", "rs", "s", "safetensors", "sav", "scala", "scss", "sh", "sln", "so",
    "sql", "stl", "swift", "tfrecord", "toml", "tsx", "usdz", "vb", "vbs", "vue", "wasm", "xml",
    "yaml", "yml", "zsh",
})  # fmt: skip
"""Extensions, in lower case, of files that hold no image of their own: they are passed over in
silence, where any other file is looked at and named if it is no image. A name that images have
too (``raw``, ``dcr``, ``raf``) is not among them."""


class Excluded(Protocol):
    """Tells whether a path relative to its root is excluded."""

    def __call__(self, path: str) -> bool: ...


def is_passed_over(name: str) -> bool:
    """Whether a scan ignores the entry: hidden (a leading dot, ``._*`` among them), or junk."""
    return name.startswith(".") or name.casefold() in JUNK


def is_candidate(name: str) -> bool:
    """Whether a file of this name, in a folder, may be an image or a video."""
    _, dot, extension = name.rpartition(".")
    return not dot or extension.lower() not in NOT_IMAGES


def is_image_candidate(name: str) -> bool:
    """Whether a file of this name may be an image: all that is read where files are no folder's."""
    _, dot, extension = name.rpartition(".")
    return is_candidate(name) and (not dot or extension.lower() not in VIDEOS)


def compile_excluded(patterns: Iterable[str]) -> Excluded:
    """Return the test for shell patterns (``*``, ``?``, ``[...]``; case matters).

    A pattern without "/" is held against the name of every file and folder, one with "/" against
    the whole path relative to the root.
    """
    names: list[str] = []
    paths: list[str] = []
    for pattern in patterns:
        (paths if "/" in pattern.strip("/") else names).append(translate(pattern.strip("/")))
    # An empty alternation would match the empty string; this matches nothing.
    name_test = re.compile("|".join(names) or r"(?!)")
    path_test = re.compile("|".join(paths) or r"(?!)")

    def excluded(path: str) -> bool:
        return bool(name_test.match(path.rpartition("/")[2]) or path_test.match(path))

    return excluded
