"""The ways in: the dropped file, -m, the installed command, and a shebang."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import CONDA, FILE, NO_CONDA

if TYPE_CHECKING:
    from typing import Callable

    from conftest import Environ, Write


def output(command: list[str], environ: Environ, cwd: Path) -> str:
    return subprocess.run(command, env=environ, cwd=cwd, stdout=subprocess.PIPE, check=True, text=True).stdout


def test_the_dropped_file_runs_from_anywhere(environ: Environ, write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "my repository"
    folder.mkdir()
    shutil.copy(FILE, folder)
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    assert (
        output([sys.executable, "my repository/conda_execute.py", "a.sh", "x"], environ, tmp_path)
        == "hello-conda 1.0 x\n"
    )
    assert output(
        [sys.executable, str(folder / "conda_execute.py"), str(script)], environ, Path("/")
    ) == "hello-conda 1.0 \n".replace(" \n", "\n")


def test_the_module_runs_from_the_working_directory(environ: Environ, write: Write, tmp_path: Path) -> None:
    shutil.copy(FILE, tmp_path)
    write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    assert output([sys.executable, "-m", "conda_execute", "a.sh", "-v"], environ, tmp_path) == "hello-conda 1.0 -v\n"


def test_the_installed_command_runs(installed: Path, environ: Environ, write: Write, tmp_path: Path) -> None:
    install_rattler_for(installed, environ)
    script = write("a.sh", 'hello-conda "$@"', "hello-conda =1.0")
    assert output([str(installed / "conda-execute"), str(script), "--x"], environ, tmp_path) == "hello-conda 1.0 --x\n"
    assert (
        output([str(installed / "python"), "-m", "conda_execute", str(script)], environ, tmp_path)
        == "hello-conda 1.0\n"
    )


# The first lines of --help, and what people make of them: {bin} has python and conda-execute, {file} is the dropped
# file in a folder with a blank in its name.
FIRST_LINES = {
    "the command": "#!/usr/bin/env conda-execute",
    "the command with an option": "#!/usr/bin/env -S conda-execute -q",
    "the command's path": "#!{bin}/conda-execute",
    "the command's path with an option": "#!{bin}/conda-execute -q",
    "the module": "#!/usr/bin/env -S python -m conda_execute",
    "the module, joined": "#!/usr/bin/env -S python -mconda_execute -q",
    "the dropped file": "#!/usr/bin/env -S python '{file}'",
    "the dropped file, -S joined": '#!/usr/bin/env -Spython -B "{file}" -q',
    "the dropped file by a path": "#!{bin}/python {link}/conda_execute.py",
    "the split-string option": "#!/usr/bin/env --split-string=conda-execute",
    "conda": "#!/usr/bin/env -S conda execute",
    "conda with an option": "#!/usr/bin/env -S conda execute -q",
}


@pytest.fixture
def first_line(request: pytest.FixtureRequest, installed: Path, environ: Environ, tmp_path: Path) -> str:
    """Return a first line as it stands on this machine, and let PATH lead to what it names."""
    folder = tmp_path / "my repository"
    folder.mkdir()
    shutil.copy(FILE, folder)
    (tmp_path / "repository").symlink_to(folder)
    install_rattler_for(installed, environ)
    environ["PATH"] = f"{installed}:{environ['PATH']}"
    if "conda" in request.param.split():
        if not CONDA:
            pytest.skip(NO_CONDA)
        environ["PATH"] = f"{Path(CONDA).parent}:{environ['PATH']}"
        environ["PYTHONPATH"] = str(next(installed.parent.glob("lib/*/site-packages")))
        environ["CONDA_EXECUTE_ENGINE"] = "conda"
    line: str = request.param.format(bin=installed, file=folder / FILE.name, link=tmp_path / "repository")
    return line


@pytest.mark.warm
@pytest.mark.once
@pytest.mark.skipif(sys.platform != "linux", reason="the first lines of Linux")
@pytest.mark.parametrize("name", ["a script", "-x.py"])
@pytest.mark.parametrize("first_line", FIRST_LINES.values(), ids=list(FIRST_LINES), indirect=True)
def test_an_executable_file_runs_itself(
    first_line: str, environ: Environ, write: Write, tmp_path: Path, name: str
) -> None:
    """From anywhere, through a link, with blanks in its path, with arguments that look like ours."""
    is_python = name.endswith(".py")
    code = "import sys; print(*sys.argv[1:], sep='|')" if is_python else "IFS='|'; echo \"$*\""
    more = "" if is_python else "# run_with: sh\n"
    script = write(name, code, "python" if is_python else "hello-conda", first=first_line + "\n", more=more)
    link = tmp_path / "a link"
    link.symlink_to(script)
    arguments = ["a b", "-v", "--help", "*", ""]
    for command, cwd in (("./" + name, tmp_path), (str(script), Path("/")), (str(link), Path("/"))):
        assert output([command, *arguments], environ, cwd) == "|".join(arguments) + "\n"


def test_a_link_without_suffix_has_that_of_the_script(plan: Callable[..., dict[str, object]], write: Write) -> None:
    """As ~/bin/plot leads to plot.R; a link that has one keeps it, whatever the file is called."""
    for name, link, program in (("a.R", "plot", "Rscript"), ("a.R", "plot.py", "python"), ("a", "plot.pl", "perl")):
        script = write(name, "", "hello-conda", first="#!/usr/bin/env conda-execute\n")
        (script.parent / link).symlink_to(script)
        assert plan(script.parent / link)["run_with"] == [program]


def test_a_relative_path_to_the_dropped_file_begins_at_the_working_directory(
    installed: Path, environ: Environ, write: Write, tmp_path: Path
) -> None:
    install_rattler_for(installed, environ)
    environ["PATH"] = f"{installed}:{environ['PATH']}"
    shutil.copy(FILE, tmp_path)
    script = write("a.sh", "exit 7", "hello-conda", first="#!/usr/bin/env -S python conda_execute.py\n")
    assert subprocess.run([str(script)], env=environ, cwd=tmp_path).returncode == 7
    assert subprocess.run([str(script)], env=environ, cwd="/", stderr=subprocess.DEVNULL).returncode == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels split the first line")
def test_words_behind_env_without_an_option_to_split_them_cannot_work_on_linux(environ: Environ, write: Write) -> None:
    script = write("a.sh", "", "hello-conda", first="#!/usr/bin/env python conda_execute.py\n")
    done = subprocess.run([str(script)], env=environ, stderr=subprocess.PIPE)
    assert done.returncode == 127
    assert b"python conda_execute.py" in done.stderr


def install_rattler_for(installed: Path, environ: Environ) -> None:
    """Let the bare virtual environment use the py-rattler of the one that runs the tests."""
    import rattler

    environ["PYTHONPATH"] = str(Path(rattler.__file__).parent.parent)
