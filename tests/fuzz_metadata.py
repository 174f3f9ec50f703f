"""Look for a script that the parser reads in another way than PyYAML, or that crashes it.

    pip install atheris pyyaml hypothesis pytest
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


def fuzz(data: bytes) -> None:
    for script in (data, b"# conda execute\n#" + data.replace(b"\n", b"\n#")):
        check_that_pyyaml_agrees(script)
        check_that_only_error_is_raised(script)


def main(argv: list[str]) -> None:
    folders = [Path(arg) for arg in argv[1:] if not arg.startswith("-")]
    for i, script in enumerate(SCRIPTS if folders else []):
        (folders[0] / f"seed-{i}").write_bytes(script)
    atheris.Setup(argv, fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
