"""Which frames are worth a row: the first of each scene, and one now and then of a long one."""

import io
from itertools import pairwise

import pytest

from embed.video import VideoFile
from ingest.scenes import GAP_MS, GAPS_PER_SEGMENT, MOST_FRAMES, Plan, select
from tests.videos import BLUE, GREEN, RED, YELLOW, scene, three_scenes, video


def chosen(data: bytes) -> list[int]:
    """The times of all segments, each by an opened file of its own, as workers have it."""
    times: list[int] = []
    segment, plan = 0, None
    while plan is None or segment < plan.segments:
        with VideoFile(io.BytesIO(data), "mp4", max_pixels=10**6) as film:  # type: ignore[arg-type]
            plan = plan or Plan.of(film.duration_ms or 0)
            times += [frame.offset_ms for frame in select(film, plan, segment, lambda: None)]
        segment += 1
    return times


def test_the_first_frame_of_each_scene_is_chosen() -> None:
    assert chosen(three_scenes()) == [0, 3000, 6000]


def test_scenes_are_found_where_the_encoder_has_placed_no_key_frame() -> None:
    rare = three_scenes(key_every=1000, codec_options={"x264-params": "scenecut=0"})
    assert chosen(rare) == [0, 3000, 6000]


def test_of_a_scene_that_goes_on_a_frame_is_chosen_now_and_then() -> None:
    assert chosen(video([(scene(RED), 35.0)])) == [0, 10_000, 20_000, 30_000]


def test_scenes_that_follow_each_other_fast_are_not_all_chosen() -> None:
    colours = (RED, GREEN, BLUE, YELLOW)
    times = chosen(video([(scene(colours[n % 4], n), 0.5) for n in range(36)]))
    assert all(later - sooner >= GAP_MS for sooner, later in pairwise(times))
    assert len(times) >= 6


@pytest.mark.parametrize("hours", [0.001, 0.5, 1.2, 2, 24, 24 * 7, 24 * 365])
def test_no_length_has_more_frames_than_the_limit(hours: float) -> None:
    plan = Plan.of(int(hours * 3_600_000))
    assert plan.segments * GAPS_PER_SEGMENT <= MOST_FRAMES + 2 * GAPS_PER_SEGMENT
    assert plan.span(plan.segments - 1)[1] > plan.duration_ms
    assert all(plan.span(n)[1] == plan.span(n + 1)[0] for n in range(min(plan.segments - 1, 50)))


def test_a_film_of_two_hours_is_looked_at_every_four_seconds_at_least() -> None:
    assert Plan.of(2 * 3_600_000).gap_ms == 3600
