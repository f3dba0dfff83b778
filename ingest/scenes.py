"""Which frames of a video become rows: the first of each scene, and one now and then of a long one.

A video is looked at in segments of equal length, each by itself: several at a time, and none of
them ever whole in memory. Within a segment only frames that stand by themselves (key frames) are
decoded, which encoders place at most of a film's cuts and every few seconds besides; a segment that
has too few of them is decoded whole.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from embed.video import Beat, Candidate, VideoFile

GAP_MS = 2000
"""No two frames of one segment are nearer to each other."""

MOST_FRAMES = 2000
"""Of one file: above 67 minutes the gap grows with the length, to 3.6 s in a film of two hours."""

GAPS_PER_SEGMENT = 10
"""Bounds what is decoded and not yet embedded of one segment, which is 20 s long as a rule."""

GAPS_IN_A_SCENE = 5
"""After so many gaps a frame is taken though its scene is the same: every 10 s as a rule."""

GAPS_WITHOUT_KEY = 3
"""A segment that has no key frame for longer than 6 s is decoded whole, since a scene may begin in
between: telephones and cameras place one every second or two, films on the web every five."""

SCENE_DISTANCE = 0.25
"""Of the shares of colours of two frames, from 0 to 1: half the sum of the differences. More than a
moving camera makes from one moment to the next, less than a cut."""

MOST_DECODED = 20_000
"""Frames of one segment: 20 s at a thousand a second. A file that claims more is at fault."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a video of some length is looked at.

    Attributes:
        gap_ms: The least time between two frames.
        segments: How many there are, at least one.
    """

    duration_ms: int
    gap_ms: int
    segments: int

    @classmethod
    def of(cls, duration_ms: int) -> "Plan":
        """Return the plan for a length."""
        gap_ms = max(GAP_MS, -(-duration_ms // MOST_FRAMES))
        return cls(duration_ms, gap_ms, duration_ms // (gap_ms * GAPS_PER_SEGMENT) + 1)

    def span(self, segment: int) -> tuple[int, int]:
        """Return the first time of a segment, and the first after it.

        The last segment is a little longer, for the frames of a file that says too short a length.
        """
        length_ms = self.gap_ms * GAPS_PER_SEGMENT
        end_ms = (segment + 1) * length_ms
        return segment * length_ms, end_ms if segment < self.segments - 1 else end_ms + length_ms


def select(video: VideoFile, plan: Plan, segment: int, beat: Beat) -> Iterator[Candidate]:
    """Yield the frames of one segment that are worth a row, in the order of their times."""
    start_ms, end_ms = plan.span(segment)
    until_ms = max(start_ms, min(end_ms, plan.duration_ms))
    times = [start_ms, *video.key_times(start_ms, end_ms, beat), until_ms]
    longest_ms = max(later - sooner for sooner, later in pairwise(times))
    has_keys = longest_ms <= plan.gap_ms * GAPS_WITHOUT_KEY
    frames = video.keys if has_keys else video.all
    yield from _choose(frames(start_ms, end_ms, beat), plan.gap_ms)


def _choose(candidates: Iterable[Candidate], gap_ms: int) -> Iterator[Candidate]:
    last_ms: int | None = None
    colours = np.zeros(64)
    for number, candidate in enumerate(candidates):
        if number >= MOST_DECODED:
            return
        if last_ms is not None:
            since_ms = candidate.offset_ms - last_ms
            if since_ms < gap_ms:
                continue
            seen = candidate.colours()
            is_new = np.abs(seen - colours).sum() / 2 >= SCENE_DISTANCE
            if not is_new and since_ms < gap_ms * GAPS_IN_A_SCENE:
                continue
            colours = seen
        else:
            colours = candidate.colours()
        last_ms = candidate.offset_ms
        yield candidate
