"""Measure what conda-execute promises of its speed: python tests/bench.py

Prints a table, and ratios of figures taken alternately in this one run; single times mean little.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import channel

if TYPE_CHECKING:
    from typing import Callable

ROOT = Path(__file__).resolve().parent.parent
RUNS = 30
PARSE = """
import sys, time
import conda_execute
data = open(sys.argv[1], "rb").read()
times = []
for _ in range(200):
    start = time.perf_counter()
    metadata = conda_execute.parse_metadata(data, "script.py", "linux-64")
    conda_execute.find_name(metadata.specs, metadata.pip, metadata.channels)
    times.append(time.perf_counter() - start)
assert "re" not in sys.modules
print(min(times), sorted(times)[100], times[0])
"""


def write_long_script(path: Path) -> None:
    """Write a script of 2,000 lines with a block of 30 in the middle."""
    specs = [f"#  - package-{i} >=1.{i},<2  # why" for i in range(20)]
    block = ["# conda execute", "# env:", "#  - python >=3.9", *specs]
    block += ["#  - pip:", "#     - rich >=13", "# channels:", "#  - conda-forge", "# run_with: python -u -X dev", "#"]
    code = [f"value_{i} = {i}  # a line of code" for i in range((2000 - len(block) - 2) // 2)]
    path.write_text("\n".join([*code, "", *block, "", *code]) + "\n")


def bench_parser(folder: Path) -> None:
    """Print what finding, parsing and naming the block of a long script cost after start-up."""
    script = folder / "long.py"
    write_long_script(script)
    done = subprocess.run([sys.executable, "-I", "-c", PARSE_HERE, str(script)], stdout=subprocess.PIPE, check=True)
    best, median, first = (1000 * float(word) for word in done.stdout.split())
    print(f"parse a 30-line block in 2,000 lines: {first:.2f} ms at first, median {median:.2f} ms, best {best:.2f} ms")


PARSE_HERE = f"import sys; sys.path.insert(0, {str(ROOT)!r})" + PARSE


def time_commands(commands: dict[str, list[str]], environ: dict[str, str]) -> dict[str, float]:
    """Return the median wall time of each command in ms; the runs alternate."""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(RUNS + 2):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
            if run > 1:  # the first two warm the caches
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(found) for name, found in times.items()}


def bench_warm_run(folder: Path, environ: dict[str, str], say: Callable[[str], None]) -> None:
    """Print the overhead of each way in over the environment's own interpreter, in starts of Python."""
    script = folder / "number.py"
    script.write_text("# conda execute\n# env:\n#  - python\n\nprint(42)\n")
    copy = folder / "conda_execute.py"
    copy.write_bytes((ROOT / "conda_execute.py").read_bytes())
    environ = {**environ, "PYTHONPATH": str(folder)}
    tool = [sys.executable, str(copy)]
    plan = subprocess.run([*tool, "-n", str(script)], env=environ, stdout=subprocess.PIPE, check=True, text=True).stdout
    prefix = plan.split("Prefix: ")[1].split("\n")[0]
    subprocess.run([*tool, "-q", str(script)], env=environ, stdout=subprocess.DEVNULL, check=True)
    medians = time_commands(
        {
            "the environment's python": [f"{prefix}/bin/python", str(script)],
            "python -c pass": [sys.executable, "-c", "pass"],
            "python conda_execute.py": [*tool, str(script)],
            "python -m conda_execute": [sys.executable, "-m", "conda_execute", str(script)],
        },
        environ,
    )
    own, start = list(medians.values())[:2]
    for name, median in medians.items():
        ratio = "" if median in (own, start) else f"   overhead: {(median - own) / start:.2f} starts of Python"
        say(f"{name:28} {median:7.1f} ms{ratio}")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("CONDA", "MAMBA", "PYTHON"))}
        environ.update(
            HOME=name,
            CONDA_CHANNELS=channel.build(folder / "channel"),
            CONDA_EXECUTE_ENGINE="rattler",
            CONDA_EXECUTE_ENV_DIR=str(folder / "tmp_envs"),
            RATTLER_CACHE_DIR=str(folder / "cache"),
        )
        print(f"CPython {sys.version.split()[0]}, {RUNS} runs each, alternating, medians")
        bench_parser(folder)
        bench_warm_run(folder, environ, print)


if __name__ == "__main__":
    main()
