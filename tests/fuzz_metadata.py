"""Look for a script that the parser reads in another way than PyYAML or tomli, or that crashes it.

    pip install atheris '.[test]'
    python tests/fuzz_metadata.py [FOLDER] [-max_total_time=1200]

libFuzzer's options are passed on; inputs that reach new code are kept in FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
with atheris.instrument_imports(include=["conda_execute"]):
    import conda_execute  # noqa: F401

from test_block import SCRIPTS, check_that_only_error_is_raised, check_that_pyyaml_agrees  # noqa: E402
from test_toml import check_that_nothing_is_hidden  # noqa: E402

CHANNELS = b'channels = ["conda-forge"]\nentrypoint = "sh ${SCRIPT}"\n'


def fuzz(data: bytes) -> None:
    bodies = [body.replace(b"\n", b"\n# ") for body in (data, CHANNELS + data)]
    pep_723 = b"# /// script\n# %s\n# ///\n" % bodies[0]
    conda_script = b"# /// conda-script\n# %s\n# /// end-conda-script\n" % bodies[1]
    for script in (data, b"# conda execute\n#" + data.replace(b"\n", b"\n#"), pep_723, conda_script):
        check_that_pyyaml_agrees(script)
        check_that_only_error_is_raised(script)
    check_that_nothing_is_hidden(data.decode("utf-8", "replace").replace("\r", ""))


def main(argv: list[str]) -> None:
    folders = [Path(arg) for arg in argv[1:] if not arg.startswith("-")]
    bodies = [b"\n".join(row[2:] for row in script.split(b"\n") if row[:1] == b"#") for script in SCRIPTS]
    for i, script in enumerate(SCRIPTS + bodies if folders else []):
        (folders[0] / f"seed-{i}").write_bytes(script)
    atheris.Setup(argv, fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
