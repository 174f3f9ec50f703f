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


def fill(env_dir: Path, envs: int, old: int, rows: int) -> None:
    """Give env-dir what stands for so many environments, so many of them past their age, and so long a log."""
    now = int(time.time())
    for i in range(envs):
        marker = env_dir / f"{i:020}" / "conda-meta" / "conda-execute.json"
        marker.parent.mkdir(parents=True)
        marker.write_text("{}")
        when = now - 3600 - 30 * 3600 * (i < old)
        os.utime(str(marker), (when, when))
    with (env_dir / "usage.tsv").open("a") as f:
        f.writelines(f"{now - 40 * 3600}\trun\t{i % envs:020}\t7\there\t/scripts/{i % 20}.py\n" for i in range(rows))


def bench_scale(folder: Path, environ: dict[str, str], say: Callable[[str], None]) -> None:
    """Print what 10,000 environments and a log of 1,000,000 rows cost a warm run, a collection and a list."""
    script, tool = folder / "exit.sh", [sys.executable, str(ROOT / "conda_execute.py")]
    script.write_text("# conda execute\n# env:\n#  - hello-conda\n\nexit 0\n")
    small, large = ({**environ, "CONDA_EXECUTE_ENV_DIR": str(folder / name)} for name in ("small", "large"))
    for variables in (small, large):
        subprocess.run([*tool, "-q", str(script)], env=variables, check=True)
    fill(folder / "large", 10000, 0, 1000000)
    setting = "CONDA_EXECUTE_ENV_DIR={}".format
    commands = {name: ["env", setting(folder / name), *tool, str(script)] for name in ("small", "large")}
    medians = time_commands(commands, environ)
    ratio = medians["large"] / medians["small"]
    say(f"warm run, 10,001 envs, 1,000,002 rows: {medians['large']:.1f} ms, {ratio:.2f} times that of 1 env, 2 rows")
    for words in (["list"], ["list", "--json"]):
        start = time.perf_counter()
        with subprocess.Popen([*tool, "--tmpenv", *words], env=large, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline(), child.stdout.readline()]
            first = time.perf_counter() - start
            lines += child.stdout.readlines()
        took = time.perf_counter() - start
        say(f"conda-tmpenv {' '.join(words)}: first row {first:.2f} s, all {len(lines)} lines {took:.2f} s")
    bench_collection(folder / "large", [*tool, str(script)], large, say)


def bench_collection(env_dir: Path, command: list[str], environ: dict[str, str], say: Callable[[str], None]) -> None:
    """Print how long 100 of 10,000 environments take to go, and how long the script took that set this off."""
    old = [env_dir / f"{i:020}" for i in range(100)]
    for path in old:
        os.utime(str(path / "conda-meta" / "conda-execute.json"), (0, 0))
    for stamp in env_dir.glob(".leases/.due*"):
        stamp.unlink()
    start = time.perf_counter()
    subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
    ran = time.perf_counter() - start
    while any(path.exists() for path in old) or any((env_dir / ".trash").iterdir()):
        assert time.perf_counter() - start < 600
        time.sleep(0.02)
    took, size = time.perf_counter() - start, (env_dir / "usage.tsv").stat().st_size
    say(f"collection of 100 of 10,000: {took:.1f} s, the script that set it off {1000 * ran:.0f} ms; log: {size} bytes")


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
        bench_scale(folder, environ, print)


if __name__ == "__main__":
    main()
