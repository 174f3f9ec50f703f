"""Hints: each is right when it is followed.

Each script of metadata/invalid is mended as a person would who reads the message and no more: by the words of the hint,
at the place that the message names. It is read again, until it is accepted or the hint is one that only a person can
follow. What it yields in the end stands in NAME.json where something could have been lost on the way.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conda_execute import Error, find_run_with, parse_metadata

if TYPE_CHECKING:
    from typing import Any, Callable

    Way = Callable[["Page", "re.Match[str]"], None]

FOLDER = Path(__file__).parent / "metadata" / "invalid"
SCRIPTS = [path for path in sorted(FOLDER.iterdir()) if path.suffix not in (".json", ".txt")]
# How the hints begin that take knowledge which no machine has.
BY_HAND = (
    "a block has packages of conda",
    "write the command behind run_with",
    "settle the conflict",
    "templates are not read",
    "write the lines of that file",  # which are?
    "merge the two",
    "write one that is in the calendar",
    "remove what stands in front of it",
    "merge it into",
    "write it flatter",
    "write it in one pair of quotes",
    'write one "- item" a line',
    "write specs: below @EXPLICIT stands what",
    "write channels at the top of the block, packages below [dependencies]",
    'a "# /// script" block alone has a place for that',
    "write specs: below @EXPLICIT",
    'write one "- item" a line below the key, without brackets or braces',
    "write in the block what it names",
    "write a line [",
    "write one of these",
    "write one package a line",
    "write it like rich",
    "give it as a key",
    "name the index in pip.conf",
    "close what it opens",
    "url, extras and flags",
    "add one",
    # of what is no script
    "check the path",
    "a block stands in the text of a script",
    "make a script of it",
    "save it as UTF-8",
    "get the file itself",
    '"conda-tmpenv create --file FILE" makes its environment',
)
WITHOUT_HINT = ("conda-script-build-with-quotes.sh",)
MAX_STEPS = 9
COMMENT = re.compile(r"\s*(#|//|--|REM )")
TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'""")


class Page:
    """The lines of a script, and where its message points; row and column count from 0."""

    def __init__(self, script: bytes, error: Error) -> None:
        text = script.decode("utf-8", "surrogateescape").lstrip("\ufeff")
        self.lines = [line.rstrip("\r") for line in text.split("\n")]
        self.message = error.message
        place = re.search(r":(\d+):(\d+)$", error.place)
        self.row, self.column = (int(place[1]) - 1, int(place[2]) - 1) if place else (0, 0)

    def as_bytes(self) -> bytes:
        return "\n".join(self.lines).encode("utf-8", "surrogateescape")

    @property
    def before(self) -> str:
        return self.lines[self.row][: self.column]

    @property
    def rest(self) -> str:
        return self.lines[self.row][self.column :]

    @property
    def marker(self) -> str:
        """What opens the comments."""
        return re.match(r"\s*([^\w\s\[(\"']+|(?i:rem))?", self.lines[self.row])[0]  # type: ignore[index]

    @property
    def item(self) -> str:
        """The item that begins at the place, its quotes with it, but no comment behind it."""
        token = TOKEN.match(self.rest) or re.match(r"[\w.-]+(?= = )", self.rest)
        is_inside = re.search(r"\[[^\]]*$", self.before)
        return token[0] if token else re.split(r"[,\]]" if is_inside else r"\s+#", self.rest)[0].rstrip()

    @property
    def found(self) -> str:
        """What the message shows as found at the place, or the item there if it shows nothing of it."""
        shown = re.search(r'found .*?"(.*)"\)?( again)?$', self.message)
        return shown[1] if shown and self.rest.startswith(shown[1]) else self.item

    def replace(self, old: str, new: str) -> None:
        """Write in the place of what begins at the place."""
        assert self.rest.startswith(old)
        self.lines[self.row] = self.before + new + self.rest[len(old) :]

    def replace_item(self, new: str) -> None:
        self.replace(self.item, f'"{new}"' if self.item[:1] in ("'", '"') else new)

    def find_value_end(self) -> int:
        """Return the row below a key and its items."""
        indent, end = self.column, self.row + 1
        deeper = re.compile(rf".{{{indent}}}(\s|- )")
        while end < len(self.lines) and (deeper.match(self.lines[end]) or re.match(r"\W*- ", self.lines[end])):
            end += 1
        return end


WAYS: dict[str, Way] = {}


def follows(*patterns: str) -> Callable[[Way], Way]:
    """Say that a function does what hints of these forms say."""

    def put(way: Way) -> Way:
        WAYS.update(dict.fromkeys(patterns, way))
        return way

    return put


# -- lines


@follows(r'write "([^"]*)", or write ".*"$')
def write_the_first(page: Page, match: re.Match[str]) -> None:
    page.lines[page.row] = match[1]


@follows(r'write "(.*)" and "(.*)" on lines of their own', r'write "(.*)", or leave it out', r'write "(.*)"$')
@follows(r'write "(.*)"; specs have no markers, but selectors such as "# \[win\]" behind them')
def write(page: Page, match: re.Match[str]) -> None:
    """Write lines in the place of this one; what does not begin as a line of it, in the place of what was found."""
    texts = [text for group in match.groups() for text in group.split('", "')]
    is_line = page.before.strip() and texts[0].startswith(page.before) or page.column and not page.before.strip()
    if COMMENT.match(texts[0]) or is_line:
        page.lines[page.row : page.row + 1] = texts
    else:
        page.replace(page.found, match[1])


@follows(r'write "(.*)", "(.*)" and "(.*)" on lines of their own')
def write_at_the_top(page: Page, match: re.Match[str]) -> None:
    if ":" not in page.message and page.row == page.column == 0:
        page.lines[0:0] = [*match.groups(), ""]
    else:
        write(page, match)


@follows(r'write "(.*)" and "(.*)" above this line', r'write "(.*)" above this line')
def write_above(page: Page, match: re.Match[str]) -> None:
    page.lines[page.row : page.row] = match.groups()


@follows(r'write "(.*)" and "(.*)" below this line', r'write "(.*)" below this line')
def write_below(page: Page, match: re.Match[str]) -> None:
    page.lines[page.row + 1 : page.row + 1] = match.groups()


@follows(
    r'write "(.*)" below line (\d+), and remove this line(?:; write "(.*)" (?:below line (\d+)|at the end of .*))?'
)
def write_below_lines(page: Page, match: re.Match[str]) -> None:
    rows = {int(match[2]): match[1]}
    if match[3]:
        last = max(i for i, line in enumerate(page.lines, 1) if line.startswith(page.marker))
        rows[int(match[4] or last)] = match[3]
    for number in sorted({*rows, page.row + 1}, reverse=True):
        if number in rows:
            page.lines[number:number] = re.split(r'", "|" and "', rows[number])
        if number == page.row + 1:
            del page.lines[page.row]


@follows(r'write "(.*)" and "(.*)" on lines of their own; below channels write "- (.*)"')
def write_and_below_channels(page: Page, match: re.Match[str]) -> None:
    page.lines[page.row : page.row + 1] = [match[1], match[2], "# channels:", f"#  - {match[3]}"]


@follows(r'write "(.*)" in place of this line( and of the items below it)?')
def write_in_place_of_lines(page: Page, match: re.Match[str]) -> None:
    end = page.row + 1
    while match[2] and re.match(r"# +- ", page.lines[end]):
        end += 1
    page.lines[page.row : end] = [match[1]]


@follows(r'leave it out, and write "(.*)" below env')
def write_it_below_env(page: Page, match: re.Match[str]) -> None:
    del page.lines[page.row]
    env = page.lines.index("# env:")
    page.lines.insert(env + 1, f"#  {match[1]}")


@follows(r"leave it out, and write (requires-python = .*)", r"leave it out$")
def leave_python_out(page: Page, match: re.Match[str]) -> None:
    page.lines[page.row] = page.before + page.rest[len(page.item) :].lstrip(", ")
    page.lines[page.row : page.row] = [f"# {one}" for one in match.groups() if one]


@follows(r'write "(#!.*)", or "run_with: ')
def write_the_shebang(page: Page, match: re.Match[str]) -> None:
    page.lines[0] = match[1]


@follows(r"leave a blank line above this one")
def leave_a_blank_line_above(page: Page, _: object) -> None:
    page.lines.insert(page.row, "")


@follows(r'write "(.*)", and "(.*)" in front of each line of the block')
def write_comments(page: Page, match: re.Match[str]) -> None:
    end = page.row + 1
    while end < len(page.lines) and re.match(r"[\s*]*(env:|- )", page.lines[end]):
        page.lines[end] = f"{match[2]} {page.lines[end].lstrip(' *') if '*' in page.lines[end] else page.lines[end]}"
        end += 1
    page.lines[page.row] = match[1]


@follows(r"leave a blank line below this one")
def leave_a_blank_line_below(page: Page, _: object) -> None:
    page.lines.insert(page.row + 1, "")


@follows(r"remove this line and those deeper below it", r"leave it out: a block has nothing like it")
def remove_lines(page: Page, _: object) -> None:
    del page.lines[page.row : page.find_value_end()]


@follows(r"move this line above the block")
def move_above_the_block(page: Page, _: object) -> None:
    line, row = page.lines.pop(page.row), page.row
    while not re.search(r"conda execute|/// [a-z-]+$", page.lines[row]):
        row -= 1
    page.lines.insert(row, line)


@follows(r"remove line (\d+), which is blank")
def remove_a_blank_line(page: Page, match: re.Match[str]) -> None:
    assert page.lines.pop(int(match[1]) - 1).strip() == ""


@follows(r"remove this line", r"leave run_with out")
def remove_line(page: Page, _: object) -> None:
    del page.lines[page.row]


@follows(r"remove one$")
def remove_block(page: Page, _: object) -> None:
    while page.row < len(page.lines) and page.lines[page.row].startswith(page.marker):
        del page.lines[page.row]


@follows(r'remove this line.*: requirements stand below "- pip:", the last item of env')
def write_below_env(page: Page, _: object) -> None:
    """Write "- pip:" and the requirements deeper, below env with each of its items on a line of its own."""
    end = page.find_value_end()
    pip = re.findall(r"[^\s\[,-][^,]*?(?=[\],]|$)", page.rest.partition(":")[2])
    pip += [line.lstrip("# -") for line in page.lines[page.row + 1 : end]]
    page.lines[page.row : end] = [] if any("env:" in line for line in page.lines) else ["# env:"]
    env = next(i for i, line in enumerate(page.lines) if line.startswith("# env:"))
    items = [item.strip(" ") for item in page.lines[env][len("# env:") :].strip(" []").split(",")]
    page.lines[env : env + 1] = ["# env:", *[f"#  - {item}" for item in items if item]]
    page.row, page.column = env, len("# ")
    end = page.find_value_end()
    page.lines[end:end] = ["#  - pip:", *[f"#     - {one}" for one in pip]]


@follows(r"write it at the end of the line above")
def write_at_the_end_of_the_line_above(page: Page, _: object) -> None:
    page.lines[page.row - 1 : page.row + 1] = [page.lines[page.row - 1] + " " + page.rest]


@follows(r"begin a new line in its place")
def begin_a_new_line(page: Page, _: object) -> None:
    page.lines[page.row : page.row + 1] = [page.before, page.rest[1:]]


# -- parts of a line


@follows(r"remove it$", r"remove it[:,]", r"set it in pip.conf, .*, and only then remove it:", r'remove "(.*)":')
def remove(page: Page, match: re.Match[str]) -> None:
    if match.groups() and match[1]:
        page.replace(match[1], "")
    elif "the character" in page.message:
        page.replace(page.rest[0], "")
    elif page.before.endswith("- ") or page.rest.startswith("# ["):
        remains = page.before.rstrip(" ")
        page.lines[page.row : page.row + 1] = [] if remains.endswith("-") else [remains]
    else:
        page.replace(page.found, "")


@follows(r"remove it, or put all of the value in one pair of quotes")
def put_all_in_quotes(page: Page, _: object) -> None:
    if page.rest[0] in "#]}" or page.before.rstrip().endswith("]"):
        page.lines[page.row] = page.before.rstrip()
    else:
        start, value = re.match(r"(.*?(?:- |: ))(.*)", page.lines[page.row]).groups()  # type: ignore[union-attr]
        page.lines[page.row] = f"{start}'{value.replace(chr(39), '')}'"


@follows(r"leave it out, or put all of the text in quotes")
def leave_out(page: Page, _: object) -> None:
    page.replace(page.found, "")


@follows(r'write (?:it|a list) like "(.+?)"(?!:)')
def write_like(page: Page, match: re.Match[str]) -> None:
    if re.search(r"expected plain text", page.message):
        page.replace(page.found, match[1])
    else:
        is_key = page.rest[len(page.item) :].startswith(" = ")
        page.replace_item(match[1].split()[0] if is_key else match[1])


@follows(r"write (?!spaces|a letter)(\S.*) in its place$")
def write_in_its_place(page: Page, match: re.Match[str]) -> None:
    page.replace(page.item, match[1])


@follows(r'write a version like "(.*)"')
def write_version(page: Page, match: re.Match[str]) -> None:
    if " = " in page.rest:
        start = page.lines[page.row].index(" = ") + 3
        page.lines[page.row] = f'{page.lines[page.row][:start]}"{match[1]}"'
    else:
        name = re.match(r"[\w.-]+", page.item.lstrip("\"'"))[0]  # type: ignore[index]
        page.replace(page.item, f'"{name} {match[1]}"')


@follows(r'write it like "python >=3.9,<4", in brackets with the quotes')
def put_range_in_quotes(page: Page, _: object) -> None:
    start, first = page.before.rstrip(", ").rsplit(", " if ", " in page.before.rstrip(", ") else "[", 1)
    opening = page.before[len(start)]
    page.lines[page.row] = f'{start}{opening}{" " * (opening == ",")}"{first},{page.item}"{page.rest[len(page.item) :]}'


@follows(r'write it like "(.*)", with the whole path of the folder, below "- pip:"')
def write_below_pip(page: Page, match: re.Match[str]) -> None:
    is_below = "PyPI" in page.message
    page.replace(page.item, match[1] if is_below else f"pip: [{match[1]}]")


@follows(r"write spaces in its place")
def write_spaces(page: Page, _: object) -> None:
    page.replace(page.rest[0], " ")


@follows(r"write a letter of the alphabet in its place")
def write_a_letter(page: Page, _: object) -> None:
    page.lines[page.row] = page.before + re.sub(r"[^\x00-\x7f]", "y", page.rest)


@follows(r'write "(.)" there')
def write_there(page: Page, match: re.Match[str]) -> None:
    page.replace("", match[1])


@follows(r"close the quote")
def close_the_quote(page: Page, _: object) -> None:
    mark = re.search(r"a closing (.)", page.message)[1]  # type: ignore[index]
    end = page.lines[page.row].rstrip()
    is_inside = page.column and end[-1:] == "'" != mark  # of an entrypoint
    page.lines[page.row] = end[:-1] + mark + end[-1] if is_inside else end + mark


@follows(r"separate items by commas, put one with such characters in quotes, and close what was opened")
def mend_list(page: Page, _: object) -> None:
    if re.match(r"[\w-]+( =|:)|$", page.rest) or page.before.strip("# ") == "":
        page.lines[page.row - 1] += "]"
    elif page.rest[0] in "'\"":
        page.replace("", ",")
    else:
        start = re.search(r"[^\[,]*$", page.before).start()  # type: ignore[union-attr]
        start += page.lines[page.row][start] == " "
        end = page.column + re.match(r"\[.*?\]|[^,\]]*", page.rest).end()  # type: ignore[union-attr]
        line = page.lines[page.row]
        page.lines[page.row] = f'{line[:start]}"{line[start:end]}"{line[end:]}'


@follows(r'put text with ": " in quotes')
def put_text_in_quotes(page: Page, _: object) -> None:
    page.replace(page.item, f"'{page.item}'")


@follows(r"write it on one line, without escapes")
def write_without_escapes(page: Page, _: object) -> None:
    page.replace(page.item, re.sub(r"\\(x..|.)", " ", page.item))


@follows(r'write "\\\\" for a backslash')
def double_the_backslash(page: Page, _: object) -> None:
    page.replace("\\", "\\\\")


@follows(r"the names are (\w+)")
def write_a_selector(page: Page, match: re.Match[str]) -> None:
    page.replace(page.rest, f"# [{match[1]}]")


@follows(r"save the file as UTF-8")
def save_as_utf_8(page: Page, _: object) -> None:
    page.lines = page.as_bytes().decode("latin-1").split("\n")


# -- TOML and entrypoints


@follows(r"write channels = (.*)", r"write entrypoint = (.*)")
def write_key_below_the_header(page: Page, match: re.Match[str]) -> None:
    page.row = next(i for i, line in enumerate(page.lines) if line.endswith("/// conda-script"))
    key = match[0][len("write ") :]
    page.lines = [line for line in page.lines if not re.match(rf"\W*{key.split(' ')[0]} =", line)]
    page.lines.insert(page.row + 1, f"{page.marker} {key}")


@follows(r'write \[dependencies\] and below it NAME = "\*"')
def write_dependencies(page: Page, _: object) -> None:
    page.row = next(i for i, line in enumerate(page.lines) if line.endswith("/// end-conda-script"))
    page.lines[page.row : page.row] = [f"{page.marker} [dependencies]", f'{page.marker} python = "*"']


@follows(r"move it above line (\d+), where")
def move_above_line(page: Page, match: re.Match[str]) -> None:
    page.lines.insert(int(match[1]) - 1, page.lines.pop(page.row))


@follows(r'write "(.*)" at the end of the block, and leave this out')
def write_at_the_end_of_the_block(page: Page, match: re.Match[str]) -> None:
    del page.lines[page.row]
    end = max(i for i, line in enumerate(page.lines) if "# ///" in line)
    page.lines[end:end] = re.split(r'", "|" and "(?=#)', match[1])


@follows(r'write (\$\{\w+\}) in place of "(.*)"')
def write_in_place_of(page: Page, match: re.Match[str]) -> None:
    page.replace(match[2], match[1])


@follows(r".*: leave it out, or run", r"leave it out: ", r'write "NAME @ URL" in dependencies, .* leave this out')
def leave_key_out(page: Page, _: object) -> None:
    """Remove a pair with all lines of its value, or a table with its pairs."""
    end = page.row + 1
    if page.lines[page.row].startswith("# ["):
        while not re.match(r"# (\[|///)", page.lines[end]):
            end += 1
    else:
        while page.lines[page.row].endswith("[") and page.lines[end - 1] != "# ]":
            end += 1
    del page.lines[page.row : end]


@follows(r"write what stands in it at the top of")
def write_at_the_top_of_the_block(page: Page, _: object) -> None:
    del page.lines[page.row]


@follows(r"write it below a line (\[.*\])", r'write (python = ".*") below a line \[dependencies\]')
def write_below_a_header(page: Page, match: re.Match[str]) -> None:
    line = page.lines.pop(page.row)
    table = match[1] if match[1].startswith("[") else "[dependencies]"
    pair = line if table == match[1] else f"# {match[1]}"
    if f"# {table}" in page.lines:
        page.lines.insert(page.lines.index(f"# {table}") + 1, pair)
    else:
        end = max(i for i, line in enumerate(page.lines) if line.startswith("# ///"))
        page.lines[end:end] = [f"# {table}", pair]


@follows(r'a "# /// script" block is for Python: write "(.*)", or')
def write_a_shebang(page: Page, match: re.Match[str]) -> None:
    page.lines[: page.lines[0].startswith("#!")] = [match[1]]


@follows(r"name one, or leave channels out")
def name_a_channel(page: Page, _: object) -> None:
    page.lines[page.row] = page.lines[page.row].replace("[]", '["conda-forge"]')


@follows(r"write it in quotes", r'write it as \["\.\.\."\]')
def write_value_as_text_or_list(page: Page, match: re.Match[str]) -> None:
    line = page.lines[page.row]
    if "=" in line:
        start, _, value = line.partition("=")
        quoted = '"' + value.strip(" '\"[]") + '"'
        page.lines[page.row] = f"{start}= {quoted if 'quotes' in match[0] else f'[{quoted}]'}"
    else:  # the header of a table
        table, _, key = line.rpartition(".")
        values = re.findall(r"^# (\w+) =", "\n".join(page.lines[page.row + 1 :]), re.M)
        page.lines[page.row : page.row + 1 + len(values)] = [table + "]", f"# {key[:-1]} = {json.dumps(values)}"]


@follows(r"write each in quotes")
def write_each_in_quotes(page: Page, _: object) -> None:
    start, _, values = page.lines[page.row].partition("= ")
    words = [word.strip(" \"'") for word in values.strip("[]").split(",")]
    page.lines[page.row] = f"{start}= {json.dumps(words)}"


@follows(r"write text in quotes")
def write_text_in_quotes(page: Page, _: object) -> None:
    page.replace(page.item, json.dumps(page.item))


@follows(r'write "key = value"')
def write_a_pair(page: Page, _: object) -> None:
    page.lines[page.row] = f"{page.marker} key = value"


@follows(r"write one key a line")
def write_one_key_a_line(page: Page, _: object) -> None:
    page.lines[page.row : page.row + 1] = [page.before, f"{page.marker} {page.rest}"]


@follows(r"close the header")
def close_brackets(page: Page, _: object) -> None:
    page.replace("", "]")


@follows(r'write "==": ')
def write_equal_signs(page: Page, _: object) -> None:
    page.replace_item(page.item.strip("\"'").replace("===", "=="))


@follows(r"write (__\w+), ")
def write_a_virtual_package(page: Page, match: re.Match[str]) -> None:
    page.replace_item(match[1])


@follows(r"write one$")
def write_a_command(page: Page, _: object) -> None:
    page.replace("", "true ")


@follows(r"this is no shell: put such text in quotes", r"put text with \$ in single quotes")
def put_in_quotes(page: Page, _: object) -> None:
    line = page.lines[page.row]
    start, end = line.index("'"), line.rindex("'")
    word = line[page.column : end]
    page.lines[page.row] = f"{line[:start]}\"{line[start + 1 : page.column]}'{word}'\"{line[end + 1 :]}"


def find_way(hint: str) -> tuple[Way, re.Match[str]] | None:
    """Return how a hint is followed, None where that takes a person; longer forms win."""
    if hint.startswith(BY_HAND):
        return None
    found = [match for pattern in sorted(WAYS, key=len, reverse=True) for match in [re.match(pattern, hint)] if match]
    assert found, f"how is this hint followed? {hint}"
    return WAYS[found[0].re.pattern], found[0]


def read(script: bytes, name: str) -> dict[str, Any] | Error:
    """Return what a script yields, or the Error that it is refused with."""
    try:
        metadata = parse_metadata(script, name, "linux-64")
        run_with = find_run_with(script, name, metadata, name)
    except Error as error:
        return error
    return {"specs": metadata.specs, "pip": metadata.pip, "channels": metadata.channels, "run_with": run_with}


def follow(script: bytes, name: str) -> tuple[dict[str, Any] | Error, list[str]]:
    """Return what a script yields or says once its hints are followed, and the messages on the way."""
    seen: list[str] = []
    found = read(script, name)
    while isinstance(found, Error) and found.hint:
        said = f"{found.place}: {found.message}"
        assert said not in seen and len(seen) < MAX_STEPS, f"the hint has not helped: {found}"
        seen.append(said)
        way = find_way(found.hint)
        if not way:
            break
        page = Page(script, found)
        way[0](page, way[1])
        script = page.as_bytes()
        found = read(script, name)
    return found, seen


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_hint_is_right_when_it_is_followed(path: Path) -> None:
    found, seen = follow(path.read_bytes(), path.name)
    assert bool(seen) == (path.name not in WITHOUT_HINT)
    expected = path.with_name(path.name + ".json")
    if expected.exists():
        assert found == {"pip": [], "channels": [], "run_with": ["python"], **json.loads(expected.read_text("utf-8"))}


def test_each_form_of_hint_is_one_of_the_corpus() -> None:
    texts = [path.with_name(path.name + ".txt").read_text("utf-8") for path in SCRIPTS]
    lines = [text.rstrip("\n").split("\n") for text in texts]
    hints = [one[3 if len(one) > 1 and " | " in one[1] else 1 :][:1] for one in lines]
    hints = [hint.strip() for one in hints for hint in one]
    assert [words for words in BY_HAND if not any(hint.startswith(words) for hint in hints)] == []
    used = {way[1].re.pattern for way in map(find_way, hints) if way}
    assert {pattern for pattern in WAYS if pattern not in used} == set()
