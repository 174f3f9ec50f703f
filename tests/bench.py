"""Measure what conda-execute promises of its speed: python tests/bench.py

Prints tables of medians of runs that alternate, and ratios of them; single times mean little, and less on a busy
machine. Other tools that run scripts are measured beside it if they are on PATH or beside this Python
(pip install uv pex pipx pip-run), and a conda that CONDA_EXE names.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import channel
from run import create_venv

if TYPE_CHECKING:
    from typing import Any, Callable

    Say = Callable[[str], None]

ROOT = Path(__file__).resolve().parent.parent
CONDA = os.environ.get("CONDA_EXE", "")
RUNS = 30
COLD_RUNS = 11
FLOOR = "python -m, an empty module"
QUIET: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
PIPED: dict[str, Any] = {**QUIET, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
PEP_723 = """\
# /// script
# requires-python = ">=3.8"
# dependencies = []
# ///

print(42)
"""
SCRIPTS = {
    "": "# conda execute\n# env:\n#  - python\n\nprint(42)\n",
    ", activate.d": "# conda execute\n# env:\n#  - python\n#  - activated\n\nprint(42)\n",
    ", PEP 723": PEP_723,
}
# The least that builds an environment with py-rattler: CHANNEL PREFIX SPEC...
BARE_RATTLER = """
import asyncio, os, sys, rattler
async def build(channel, prefix, *specs):
    records = await rattler.solve(
        [rattler.Channel(channel)],
        [rattler.MatchSpec(spec) for spec in specs],
        virtual_packages=rattler.VirtualPackage.detect(),
    )
    await rattler.install(records, prefix, execute_link_scripts=True, show_progress=False)
asyncio.run(build(*sys.argv[1:]))
os._exit(0)  # its threads may crash an interpreter that shuts down in good order
"""
PARSE = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
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


READ_LOCK = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
import conda_execute
row = "https://conda.anaconda.org/conda-forge/linux-64/package-%d-1.0-h0123456_0.conda#sha256:" + 64 * "a"
content = "\\n".join(["# platform: linux-64", "@EXPLICIT", *(row % i for i in range(1000)), ""]).encode()
start = time.perf_counter()
lock = conda_execute.LockFile("a.lock", content)
conda_execute.parse_lock(lock, "linux-64")
assert len(lock.packages) == 1000
print(time.perf_counter() - start)
"""


def write_long_script(path: Path) -> None:
    """Write a script of 2,000 lines with a block of 30 in the middle."""
    specs = [f"#  - package-{i} >=1.{i},<2  # why" for i in range(20)]
    block = ["# conda execute", "# env:", "#  - python >=3.9", *specs]
    block += ["#  - pip:", "#     - rich >=13", "# channels:", "#  - conda-forge", "# run_with: python -u -X dev", "#"]
    code = [f"value_{i} = {i}  # a line of code" for i in range((2000 - len(block) - 2) // 2)]
    path.write_text("\n".join([*code, "", *block, "", *code]) + "\n")


def bench_parser(folder: Path, say: Say) -> None:
    """Print what finding, parsing and naming the block of a long script cost after start-up."""
    script = folder / "long.py"
    write_long_script(script)
    done = subprocess.run([sys.executable, "-I", "-c", PARSE, str(script)], stdout=subprocess.PIPE, check=True)
    best, median, first = (1000 * float(word) for word in done.stdout.split())
    say(f"parse a 30-line block in 2,000 lines: {first:.2f} ms at first, median {median:.2f} ms, best {best:.2f} ms")


def time_commands(
    commands: dict[str, list[str]], environ: dict[str, str], folder: Path, runs: int = RUNS, drop: str = ""
) -> dict[str, float]:
    """Return the median wall time of each command in ms; what they make in `drop` goes after each.

    The runs alternate, in another order each round, with a start of Python before each: none profits, or suffers,
    from what ran before it.
    """
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(runs + 2):
        for name in random.sample(sorted(commands), len(commands)):
            subprocess.run([sys.executable, "-c", "pass"], env=environ, check=True)
            start = time.perf_counter()
            subprocess.run(commands[name], env=environ, cwd=folder, **QUIET, check=True)
            if run > 1:  # the first two warm the caches
                times[name].append(1000 * (time.perf_counter() - start))
            if drop:
                shutil.rmtree(folder / drop)
    return {name: statistics.median(found) for name, found in times.items()}


def make_host(folder: Path, say: Say) -> Path:
    """Return the bin folder of a virtual environment of this Python into which pip installed the project.

    Its interpreter runs the tool in each of its ways, and its start is the unit: that of a virtual environment
    takes a little longer than another.
    """
    source, host = folder / "source", folder / "host"
    source.mkdir()
    for name in ("conda_execute.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    create_venv(sys.executable, host)
    pip = [str(host / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--upgrade", "pip"], **QUIET)  # older ones write console scripts that import re
    done = subprocess.run([*pip, str(source)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        say("conda-execute: left out, " + find_last_line(done.stdout))
    return host / "bin"


def find_last_line(output: str) -> str:
    return (output.strip().splitlines() or ["it said nothing"])[-1]


def find_ways(host: Path, script: Path, label: str) -> dict[str, list[str]]:
    """Return the command lines that run a script; the file lies in the folder where they are run."""
    python, console = str(host / "python"), str(host / "conda-execute")
    ways = {
        f"python conda_execute.py{label}": [python, "conda_execute.py", str(script)],
        f"python -m conda_execute{label}": [python, "-m", "conda_execute", str(script)],
        f"conda-execute{label}": [console, str(script)],
    }
    return {name: command for name, command in ways.items() if Path(command[0]).exists()}


def find_rivals(folder: Path, prefix: str, environ: dict[str, str], say: Say) -> dict[str, list[str]]:
    """Return the command lines by which other tools run such a script, of those that are here and able to."""
    script = folder / "pep723.py"
    script.write_text(PEP_723)
    rivals = {
        "uv run --script": ["uv", "run", "--script", str(script)],
        "pipx run": ["pipx", "run", str(script)],
        "pip-run": ["pip-run", str(script)],
        "conda run": [CONDA or "conda", "run", "--prefix", prefix, "python", str(script)],
        "ce (conda-exec)": ["ce", str(script)],
    }
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)])
    found = {}
    for name, (program, *words) in rivals.items():
        path = shutil.which(program, path=places)
        if not path:
            say(f"{name}: left out, it is not installed")
            continue
        done = subprocess.run([path, *words], env=environ, cwd=folder, **PIPED)
        if done.returncode or done.stdout != "42\n":
            say(f"{name}: left out, {find_last_line(done.stderr or done.stdout)}")
        else:
            found[name] = [path, *words]
    return found


def bench_ways_in(folder: Path, host: Path, environ: dict[str, str], say: Say) -> None:
    """Print what each way in, and each rival, costs over the environment's own interpreter, in starts of Python."""
    (folder / "empty.py").touch()  # what Python itself takes for -m
    commands = {"python -c pass": [str(host / "python"), "-c", "pass"], FLOOR: [str(host / "python"), "-m", "empty"]}
    owners, prefixes = {FLOOR: ""}, []
    for number, (label, text) in enumerate(SCRIPTS.items()):
        script = folder / f"number-{number}.py"
        script.write_text(text)
        build = [sys.executable, "-m", "conda_execute"]
        subprocess.run([*build, "-q", str(script)], env=environ, cwd=folder, **QUIET, check=True)
        plan = subprocess.run([*build, "-n", "--json", str(script)], env=environ, cwd=folder, **PIPED, check=True)
        prefixes.append(json.loads(plan.stdout)["prefix"])
        own, ways = f"the environment's python{label}", find_ways(host, script, label)
        commands.update({own: [f"{prefixes[-1]}/bin/python", str(script)], **ways})
        owners.update(dict.fromkeys(ways, own))
    environ["UV_PYTHON"] = str(host / "python")  # the others start the Python that they are installed in
    rivals = find_rivals(folder, prefixes[0], environ, say)
    owners.update(dict.fromkeys(rivals, "the environment's python"))
    medians = time_commands({**commands, **rivals}, environ, folder)
    for name, median in medians.items():
        over = median - medians.get(owners[name], 0) if name in owners else 0
        say(f"{name:40} {median:8.1f} ms" + (f" {over / medians['python -c pass']:8.2f}" if over else ""))


def make_program(path: Path, text: str) -> str:
    """Write a program, and return its path."""
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def make_pex(folder: Path, script: Path, environ: dict[str, str], say: Say) -> dict[str, list[str]]:
    """Return the command that starts a script as pex has it fastest, if pex is here."""
    pex = shutil.which("pex", path=os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)]))
    if not pex:
        say("pex: left out, it is not installed")
        return {}
    path = folder / "number.pex"
    make = [pex, "--venv", "--sh-boot", "--executable", str(script), "--output-file", str(path)]
    subprocess.run(make, env=environ, cwd=folder, **QUIET, check=True)
    return {"pex --venv --sh-boot": [str(path)]}


def bench_links(folder: Path, host: Path, environ: dict[str, str], say: Say) -> None:
    """Print what a link costs over the environment's own interpreter, by each shell, beside the least and rivals."""
    commands = {"python -c pass": [str(host / "python"), "-c", "pass"]}
    owners = {}
    for number, (label, text) in enumerate(SCRIPTS.items()):
        script = folder / f"linked-{number}.py"
        script.write_text(text)
        link = [sys.executable, "-m", "conda_execute", "-q", "--link", str(script), str(folder / f"link-{number}")]
        subprocess.run(link, env=environ, cwd=folder, **QUIET, check=True)
        plan = [sys.executable, "-m", "conda_execute", "-n", "--json", str(script)]
        prefix = json.loads(subprocess.run(plan, env=environ, cwd=folder, **PIPED, check=True).stdout)["prefix"]
        python = f"{prefix}/bin/python"
        own = commands[f"the environment's python{label}"] = [python, str(script)]
        sourced = sorted(Path(prefix).glob("etc/conda/activate.d/*.sh"))
        lines = [f". '{path}'" for path in sourced] + [f'exec {python} {script} "$@"']
        shell = "#!/bin/bash" if sourced else "#!/bin/sh"
        bare = make_program(folder / f"bare-{number}", "\n".join([shell, *lines, ""]))
        ways = {f"{'bash, sourcing' if sourced else 'sh'} and exec{label}": [bare]}
        ways[f"link{label}"] = [str(folder / f"link-{number}")]
        for name in ("dash", "bash", "busybox", "zsh", "mksh") if not label else ():
            if shutil.which(name):
                (folder / name).mkdir()
                (folder / name / "sh").symlink_to(str(shutil.which(name)))
                ways[f"link, {name} as sh"] = [str(folder / name / "sh"), *ways["link"]]
        commands.update(ways)
        owners.update(dict.fromkeys(ways, f"the environment's python{label}"))
    rivals = {**find_rivals(folder, "", environ, lambda line: None), **make_pex(folder, Path(own[1]), environ, say)}
    owners.update(dict.fromkeys(rivals, "the environment's python"))
    medians = time_commands({**commands, **rivals}, environ, folder)
    for name, median in medians.items():
        over = (median - medians[owners[name]]) / medians["python -c pass"] if name in owners else 0
        say(f"{name:40} {median:8.1f} ms" + (f" {over:8.2f}" if name in owners else ""))


def bench_import(folder: Path, host: Path, environ: dict[str, str], say: Say) -> None:
    """Print what importing the module from its byte code adds to the start of an interpreter."""
    lines = ("pass", "import conda_execute")
    start, whole = time_commands({line: [str(host / "python"), "-c", line] for line in lines}, environ, folder).values()
    say(f"import conda_execute: {whole - start:.1f} ms, {(whole - start) / start:.2f} starts of Python")


def bench_lock(folder: Path, environ: dict[str, str], say: Say) -> None:
    """Print what a lock of 200 lines adds to a warm run, and what reading one of 1,000 lines costs before a build."""
    script, tool = folder / "locked.sh", [sys.executable, "-m", "conda_execute"]
    script.write_text("# conda execute\n# env:\n#  - hello-conda\n\nexit 0\n")
    made = subprocess.run([*tool, "-q", "--lock", str(script)], env=environ, cwd=folder, **PIPED, check=True)
    with Path(made.stdout.rstrip("\n")).open("a") as lock:  # a warm run looks at what is above @EXPLICIT alone
        lock.writelines(f"# https://host/channel/linux-64/package-{i}-1.0-0.conda#{'a' * 64}\n" for i in range(192))
    commands = {"python": [sys.executable, "-c", "pass"], "with": [*tool, str(script)]}
    commands["without"] = [*tool, "--no-lock", str(script)]
    for command in commands.values():
        subprocess.run(command, env=environ, cwd=folder, **QUIET, check=True)
    medians = time_commands(commands, environ, folder)
    over = medians["with"] - medians["without"]
    say(
        f"warm run beside a lock of 200 lines: {over:.1f} ms over none, {over / medians['python']:.2f} starts of Python"
    )
    done = subprocess.run([sys.executable, "-I", "-c", READ_LOCK], stdout=subprocess.PIPE, check=True)
    say(f"read a lock of 1,000 lines: {1000 * float(done.stdout):.0f} ms")


def bench_cold(folder: Path, environ: dict[str, str], say: Say) -> None:
    """Print the tool's own share of building an environment: its time less that of the engine's own command."""
    script, specs, prefix = folder / "cold.sh", ["python >=3", "numpy"], str(folder / "cold" / "prefix")
    script.write_text("# conda execute\n# env: [{}]\n\nexit 0\n".format(", ".join(specs)))
    tool = [sys.executable, "-m", "conda_execute", "-q", str(script)]
    engines = {"rattler": [sys.executable, "-c", BARE_RATTLER, environ["CONDA_CHANNELS"], prefix, *specs]}
    if CONDA:
        create = [CONDA, "create", "--prefix", prefix, "--yes", "--json", "--no-default-packages", "--", *specs]
        engines["conda"] = create
    for engine, own in engines.items():
        variables = {"CONDA_EXECUTE_ENGINE": engine, "CONDA_EXECUTE_ENV_DIR": str(folder / "cold" / "tmp_envs")}
        variables = {**environ, **variables, "CONDA_EXE": CONDA, "CONDA_REGISTER_ENVS": "false"}
        medians = time_commands({"tool": tool, "own": own}, variables, folder, COLD_RUNS, "cold")
        whole, alone = medians["tool"], medians["own"]
        share = f"the tool's share {whole - alone:.0f} ms, {100 * (whole / alone - 1):.1f} %"
        say(f"build with {engine}: {whole:.0f} ms, the engine alone {alone:.0f} ms; {share}")


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


def bench_scale(folder: Path, environ: dict[str, str], say: Say) -> None:
    """Print what 10,000 environments and a log of 1,000,000 rows cost a warm run, a collection and a list."""
    script, tool = folder / "exit.sh", [sys.executable, str(ROOT / "conda_execute.py")]
    script.write_text("# conda execute\n# env:\n#  - hello-conda\n\nexit 0\n")
    small, large = ({**environ, "CONDA_EXECUTE_ENV_DIR": str(folder / name)} for name in ("small", "large"))
    for variables in (small, large):
        subprocess.run([*tool, "-q", str(script)], env=variables, check=True)
    fill(folder / "large", 10000, 0, 1000000)
    setting = "CONDA_EXECUTE_ENV_DIR={}".format
    commands = {name: ["env", setting(folder / name), *tool, str(script)] for name in ("small", "large")}
    medians = time_commands(commands, environ, folder)
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


def bench_collection(env_dir: Path, command: list[str], environ: dict[str, str], say: Say) -> None:
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
            CONDA_PKGS_DIRS=str(folder / "packages"),
            RATTLER_CACHE_DIR=str(folder / "cache"),
        )
        shutil.copy(ROOT / "conda_execute.py", folder)
        print(f"CPython {sys.version.split()[0]}, medians of {RUNS} runs, load {os.getloadavg()[0]:.1f}")
        print("last column: time over the environment's own python, in starts of the Python that runs the tool")
        host = make_host(folder, print)
        bench_ways_in(folder, host, environ, print)
        bench_links(folder, host, environ, print)
        bench_import(folder, host, environ, print)
        bench_lock(folder, environ, print)
        bench_cold(folder, environ, print)
        bench_parser(folder, print)
        bench_scale(folder, environ, print)


if __name__ == "__main__":
    main()
