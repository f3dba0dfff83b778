"""What a long film costs: time, memory, frames.

    python scripts/benchmarks/video.py --photos DIR [--minutes 120] [--sparse]

Makes a film of 1280 x 720 pixels and 25 frames a second of photographs, four seconds each, over
which the picture wanders; the same 160 s over and over, copied without coding them again. It is
ingested with the built-in model into a new archive, in a process of its own, whose memory and that
of its workers is sampled ten times a second.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageOps

WIDE, SEEN = (1536, 864), (1280, 720)
FPS, SECONDS, SCENES = 25, 4, 40


def make_scenes(photos: list[Path], path: Path, *, sparse: bool) -> None:
    options = {"preset": "veryfast"}
    if sparse:
        options |= {"x264-params": "scenecut=0:keyint=1000"}
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height = SEEN
        stream.pix_fmt = "yuv420p"
        number = 0
        for photo in photos:
            image = ImageOps.fit(Image.open(photo).convert("RGB"), WIDE)
            for n in range(FPS * SECONDS):
                share = n / (FPS * SECONDS)
                left = int((WIDE[0] - SEEN[0]) * share)
                top = int((WIDE[1] - SEEN[1]) * share)
                seen = image.crop((left, top, left + SEEN[0], top + SEEN[1]))
                frame = av.VideoFrame.from_image(seen)
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                number += 1
                out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def repeat(scenes: Path, film: Path, seconds: int) -> None:
    with av.open(str(film), "w") as out:
        written = None
        for n in range(-(-seconds // (SCENES * SECONDS))):
            with av.open(str(scenes)) as source:
                stream = source.streams.video[0]
                written = written or out.add_stream_from_template(stream)
                shift = n * SCENES * SECONDS * stream.time_base.denominator
                for packet in source.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.pts += shift
                    packet.dts += shift
                    packet.stream = written
                    out.mux(packet)


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process, and of all it has started."""
    own = others = 0.0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            status = dict(
                line.split(":", 1) for line in (folder / "status").read_text().splitlines()
            )
            rss = int(status.get("VmRSS", "0 kB").split()[0]) / 1024
            if int(folder.name) == pid:
                own = rss
            elif int(status["PPid"]) == pid:
                others += rss
        except (OSError, ValueError, KeyError):
            continue
    return own, others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--sparse", action="store_true", help="key frames 40 s apart")
    args = parser.parse_args()
    photos = sorted(args.photos.glob("*.jpg"))[:SCENES]
    with tempfile.TemporaryDirectory() as place:
        scenes, films = Path(place, "scenes.mp4"), Path(place, "films")
        films.mkdir()
        make_scenes(photos, scenes, sparse=args.sparse)
        repeat(scenes, films / "film.mp4", args.minutes * 60)
        size = (films / "film.mp4").stat().st_size
        command = ["eidetic", "--json", "ingest", str(films), "--model", "builtin"]
        process = subprocess.Popen(
            [sys.executable, "-c", "from eidetic.cli import main; main()", *command[1:]],
            env={**os.environ, "EIDETIC_DATA_DIR": str(Path(place, "data"))},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        peaks = [0.0, 0.0]
        done = threading.Event()

        def sample() -> None:
            while not done.is_set():
                for n, value in enumerate(memory_mb(process.pid)):
                    peaks[n] = max(peaks[n], value)
                time.sleep(0.1)

        sampler = threading.Thread(target=sample)
        sampler.start()
        told, _ = process.communicate()
        done.set()
        sampler.join()
    report = json.loads(told)
    print(
        f"{args.minutes} min, {size / 1e6:.0f} MB, {'sparse' if args.sparse else 'usual'} key "
        f"frames: {report['frames']} rows in {report['seconds']:.1f} s "
        f"({args.minutes * 60 / report['seconds']:.0f} times as fast as played), peak memory "
        f"{peaks[0]:.0f} MB and {peaks[1]:.0f} MB of workers"
    )


if __name__ == "__main__":
    main()
