"""Frames of every container and codec that is read: their times, their turn, what is no video."""

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import pytest

from embed.video import VideoFile, frame_at
from embed.video_formats import READERS, SIGHT_BYTES, video_format
from schema import ImageUnreadable, SkipReason
from tests.embed.files import sample
from tests.videos import BLUE, GREEN, RED, scene, sound, three_scenes, turned, video

KINDS: dict[str, dict[str, Any]] = {
    "mp4": {},
    "mov": {"container": "mov"},
    "webm": {"codec": "libvpx-vp9", "container": "webm"},
    "mkv": {"container": "matroska"},
    "avi": {"codec": "mpeg4", "container": "avi"},
    "mpegts": {"codec": "mpeg2video", "container": "mpegts"},
    "mpeg": {"codec": "mpeg2video", "container": "mpeg"},
    "m2v": {"codec": "mpeg2video", "container": "mpeg2video"},
    "flv": {"container": "flv"},
    "asf": {"codec": "msmpeg4", "container": "asf"},
    "ogg": {"codec": "libvpx", "container": "ogg"},
    "mxf": {"codec": "mpeg2video", "container": "mxf", "fps": 25},
}


def opened(data: bytes, format: str = "mp4", max_pixels: int = 10**6) -> VideoFile:
    return VideoFile(io.BytesIO(data), format, max_pixels=max_pixels)  # type: ignore[arg-type]


def test_there_is_a_sample_of_each_format_that_is_read() -> None:
    assert KINDS.keys() == READERS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_found_by_their_time_in_every_format(kind: str) -> None:
    data = three_scenes(**KINDS[kind])
    assert video_format(data[:SIGHT_BYTES]) == kind
    middles = {}
    for offset_ms, colour in ((1500, RED), (4500, GREEN), (7500, BLUE), (10**7, BLUE)):
        with opened(data, kind) as film:
            image = film.at(offset_ms).image()
        assert image.size == (96, 64)
        middles[offset_ms] = np.abs(np.asarray(image)[50, 80].astype(int) - colour).max()
    assert max(middles.values()) <= 25


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF", "AVIF", "JXL", "GIF", "WEBP", "DNG"])
def test_no_image_is_taken_for_a_video(kind: str) -> None:
    assert video_format(sample(kind)[:SIGHT_BYTES]) == ""


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"G",
        b"G" + bytes(399),
        b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b'<?xml version="1.0"?><MPD></MPD>',
        b"RIFF\0\0\0\0WAVEfmt ",
    ],
)
def test_lists_of_other_files_and_what_else_ffmpeg_reads_are_no_videos(head: bytes) -> None:
    assert video_format(head) == ""


def test_the_time_of_a_frame_leads_a_player_to_it_and_not_to_the_one_before() -> None:
    # 1/30 s is no whole number of milliseconds: rounded down, it would lie in the frame before.
    data = video([(scene(RED), 1 / 30), (scene(BLUE), 1 / 30), (scene(GREEN), 1.0)], fps=30)
    with opened(data) as film:
        times = [frame.offset_ms for frame in film.all(0, 200)]
    assert times == [0, 34, 67, 100, 134, 167]
    with opened(data) as film:
        found = film.at(34)
    assert found.offset_ms == 34
    assert np.asarray(found.image())[50, 80].argmax() == 2


def test_frames_of_uneven_length_have_their_own_times() -> None:
    file = io.BytesIO()
    shown = (0, 1000, 1700, 5250)
    with av.open(file, "w", format="matroska") as out:
        stream = out.add_stream("libx264", rate=1000)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, pts in enumerate(shown):
            frame = av.VideoFrame.from_ndarray(scene(RED, number), format="rgb24")
            frame.pts, frame.time_base = pts, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    with opened(file.getvalue(), "mkv") as film:
        assert tuple(frame.offset_ms for frame in film.all(0, 10_000)) == shown


def test_key_frames_are_those_of_a_full_decode() -> None:
    data = three_scenes(codec="mpeg4", key_every=10)
    with opened(data) as film:
        keys = {frame.offset_ms: np.asarray(frame.image()) for frame in film.keys(0, 10_000)}
    with opened(data) as film:
        whole = {frame.offset_ms: np.asarray(frame.image()) for frame in film.all(0, 10_000)}
    assert len(whole) == 90
    assert len(keys) == 9
    for offset_ms, image in keys.items():
        np.testing.assert_array_equal(image, whole[offset_ms])


def test_a_frame_is_turned_as_the_file_says() -> None:
    image = frame_at(io.BytesIO(turned(three_scenes())), "mp4", 0, max_pixels=10**6)  # type: ignore[arg-type]
    assert image.size == (64, 96)
    assert np.asarray(image)[16, 48].min() > 200


def test_pixels_that_are_not_square_are_made_so() -> None:
    data = three_scenes(aspect=Fraction(2, 1))
    assert frame_at(io.BytesIO(data), "mp4", 0, max_pixels=10**6).size == (192, 64)  # type: ignore[arg-type]


def test_a_frame_beyond_the_limit_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(ImageUnreadable) as refused:
        opened(three_scenes(), max_pixels=96 * 64 - 1)
    assert refused.value.reason is SkipReason.TOO_LARGE


def test_a_file_with_sound_only_is_no_video() -> None:
    with pytest.raises(ImageUnreadable) as refused:
        opened(sound())
    assert refused.value.reason is SkipReason.NOT_AN_IMAGE


@pytest.mark.parametrize("kind", ["mp4", "webm", "mpegts", "avi"])
def test_no_damage_raises_anything_but_a_refusal(kind: str) -> None:
    data = bytearray(three_scenes(**KINDS[kind]))
    random = np.random.default_rng(1)
    for _ in range(25):
        broken = data.copy()
        for at in random.integers(12, len(data), 30):
            broken[at] = random.integers(256)
        cut = bytes(broken[: int(random.integers(64, len(data)))])
        try:
            with opened(cut, kind) as film:
                film.measure()
                seen = [frame.image().size for frame in film.all(0, 20_000)]
                assert all(width > 0 and height > 0 for width, height in seen)
        except ImageUnreadable:
            continue
