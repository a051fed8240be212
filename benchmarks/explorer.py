"""The explorer's page, measured in headless Chromium, beside onnxruntime in Python on one thread.

python benchmarks/explorer.py RUN [RUN ...]

Needs vaelab[export], playwright and a Chromium. Prints the time of `vaelab explore` and the size of its page; the time
from opening to a decoded image; milliseconds to decode one image, in the page and in Python in turn; and the time
between frames while the mouse drags the cursor, with all points shown. Medians over rounds, with the spread.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS = 7
# Images per round.
IMAGES = 200
# Moves of the mouse per round; one is made per frame.
MOVES = 180
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

DECODE = """async n => {
  const { model } = vaelab.main, z = new Float32Array(model.dimensions), times = [];
  for (let i = 0; i < n; i++) {
    z.fill(Math.sin(i));
    const began = performance.now();
    await model.decode(z, model.conditional ? i % vaelab.classes.length : null);
    times.push(performance.now() - began);
  }
  return times;
}"""

WATCH = """() => {
  window.frames_ = [];
  let last = performance.now();
  const next = now => { window.frames_.push(now - last); last = now; window.watching = requestAnimationFrame(next); };
  window.watching = requestAnimationFrame(next);
}"""


def spread(values: list[float], unit: str) -> str:
    return f"{statistics.median(values):.2f} {unit} ({min(values):.2f} to {max(values):.2f})"


def in_python(run: Path) -> list[float]:
    """Milliseconds to decode one image by onnxruntime on one thread."""
    import onnxruntime

    from vaelab.export import onnx_parts
    from vaelab.models.files import load

    model = load(run)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        onnx_parts(model, ("decoder",))["decoder"], options, providers=["CPUExecutionProvider"]
    )
    times = []
    for i in range(IMAGES):
        given: dict[str, Any] = {"z": np.full((1, sum(model.widths)), np.sin(i), np.float32)}
        if model.spec.conditional:
            given["label"] = np.array([i % len(model.format.classes)])
        began = time.perf_counter()
        session.run(["mean", "parameters"], given)
        times.append(1000 * (time.perf_counter() - began))
    return times


def drag(page: Any) -> list[float]:
    """Milliseconds between frames while the mouse drags the cursor through the plane."""
    box = page.locator(".plane").first.bounding_box()
    middle, radius = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), box["width"] / 3
    page.mouse.move(*middle)
    page.mouse.down()
    page.evaluate(WATCH)
    for i in range(MOVES):
        page.mouse.move(middle[0] + radius * np.cos(i / 20), middle[1] + radius * np.sin(i / 13))
    page.mouse.up()
    frames: list[float] = page.evaluate(
        "() => { cancelAnimationFrame(window.watching); return window.frames_.slice(5) }"
    )
    return frames


def main() -> None:
    import shutil

    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    runs = parser.parse_args().runs
    chromium = next((path for name in NAMES if (path := shutil.which(name))), None)
    if chromium is None:
        sys.exit(f"there is no Chromium on PATH: none of {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        file = Path(folder, "explorer.html")
        began = time.perf_counter()
        command = [sys.executable, "-m", "vaelab", "explore", *map(str, runs), "--out", str(file), "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print(f"vaelab explore: {time.perf_counter() - began:.1f} s, {file.stat().st_size / 1e6:.1f} MB")
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        opening, page_times, python_times, frames = [], [], [], []
        for _ in range(ROUNDS):
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            began = time.perf_counter()
            page.goto(file.as_uri(), wait_until="commit")
            page.wait_for_function("() => window.vaelab?.main?.decoded", polling=20)
            opening.append(time.perf_counter() - began)
            page.evaluate(DECODE, 20)
            page_times.append(statistics.median(page.evaluate(DECODE, IMAGES)))
            python_times.append(statistics.median(in_python(runs[0])))
            frames.append(drag(page))
            page.close()
        browser.close()
    ratios = [here / there for here, there in zip(page_times, python_times, strict=True)]
    print(f"from opening to a decoded image: {spread(opening, 's')}")
    print(f"decode one image in the page: {spread(page_times, 'ms')}")
    print(f"decode one image in Python, one thread: {spread(python_times, 'ms')}")
    print(f"ratio of the two: {spread(ratios, 'times')}")
    print(
        f"between frames while dragging, 95th percentile: {spread([float(np.quantile(f, 0.95)) for f in frames], 'ms')}"
    )
    print(f"frames per second while dragging: {spread([1000 / statistics.mean(f) for f in frames], 'frames/s')}")


if __name__ == "__main__":
    main()
