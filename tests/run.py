"""Do one of the README's two commands, on a machine that has Python and PyPI and nothing else.

    python3 tests/run.py example     run the announcement's example, with a real solve and real packages
    python3 tests/run.py test        run the tests, then those on the other CPythons of this machine
    python3 tests/run.py test ...    run pytest, with what follows

Both keep all that they make in .venv: a virtual environment for each Python, filled from the "test"
extra of setup.cfg, and for the example a small conda channel made of what is installed there.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent
HOME = ROOT / ".venv"
SCRIPT = """\
#!/usr/bin/env python

# conda execute
# env:
#  - python >=3
#  - numpy

import numpy as np

print(np.random.poisson(size=5))
"""


def requirements() -> list[str]:
    """Return what the test extra of setup.cfg asks for."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return [line for line in config["options.extras_require"]["test"].split("\n") if line and line[0] != "#"]


def make_venv(python: str) -> Path:
    """Return the interpreter of a virtual environment of this Python that has the test extra."""
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version)"], stdout=subprocess.PIPE, check=True
    ).stdout
    folder = HOME / ("cpython-" + version.decode().split()[0])
    inner = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "stamp"
    wanted = hashlib.sha256(repr((requirements(), version, str(folder))).encode()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making {folder} with {', '.join(requirements())}", file=sys.stderr, flush=True)
        create_venv(python, folder)
        # What is imported is compiled then, which is the smaller part.
        subprocess.run([inner, "-m", "pip", "install", "--quiet", "--no-compile", *requirements()], check=True)
        stamp.write_text(wanted)
    return inner


def create_venv(python: str, folder: Path) -> None:
    """Create a virtual environment, where Debian has taken venv apart with virtualenv from PyPI."""
    command = [python, "-m", "venv", "--clear", str(folder)]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        tool = HOME / "virtualenv"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--target", str(tool), "virtualenv"], check=True)
        environ = {**os.environ, "PYTHONPATH": str(tool)}
        subprocess.run([python, "-m", "virtualenv", "--clear", str(folder)], env=environ, check=True)


def make_channel(python: Path) -> dict[str, str]:
    """Return the variable that names the small channel; on Windows, where there is none yet, conda-forge serves."""
    if os.name == "nt":
        return {}
    output = subprocess.run([python, TESTS / "channel.py", HOME / "channel"], stdout=subprocess.PIPE, check=True).stdout
    return {"CONDA_CHANNELS": output.decode().strip()}


def example(python: Path) -> int:
    """Run the announcement's example twice: the first run builds its environment, the second has it."""
    script = HOME / "my_script.py"
    script.write_text(SCRIPT)
    print("$ cat .venv/my_script.py\n" + SCRIPT, flush=True)
    variables = {
        **make_channel(python),
        "CONDA_EXECUTE_ENGINE": "rattler",
        "CONDA_EXECUTE_ENV_DIR": str(HOME / "tmp_envs"),
        "RATTLER_CACHE_DIR": str(HOME / "cache"),
    }
    command = [str(python), "conda_execute.py", "-v", ".venv/my_script.py"]
    for _ in range(2):
        words = [f"{name}={shlex.quote(value)}" for name, value in variables.items()] + command
        print("$ " + " ".join(words), flush=True)
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **variables}).returncode
        print(flush=True)
        if code:
            return code
    return 0


def test(python: Path, words: list[str]) -> int:
    """Run pytest with these words; without any, all tests: two at a time, and what minds company once more alone."""
    pytest = [str(python), "-m", "pytest"]
    others = "tests/test_pythons.py"
    if words:
        return subprocess.run([*pytest, *words], cwd=ROOT).returncode
    for more in (["-n", "2"], ["--last-failed", "--last-failed-no-failures=none"]):
        code = subprocess.run([*pytest, f"--ignore={others}", *more], cwd=ROOT).returncode
        if code == 0:
            return subprocess.run([*pytest, others], cwd=ROOT).returncode
    return code


def main(argv: list[str]) -> int:
    if argv[:1] == ["example"] and len(argv) == 1:
        return example(make_venv(sys.executable))
    if argv[:1] == ["test"]:
        return test(make_venv(sys.executable), argv[1:])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
