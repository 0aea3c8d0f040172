"""The Chinese of the console: complete, well formed, and what a Chinese reader gets."""

from __future__ import annotations

import gettext
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from babel.messages.extract import extract_python
from django.test import Client
from django.urls import reverse
from django.utils.translation import trans_real
from django.utils.translation.template import templatize

from seeops.accounts import services
from seeops.bootstrap.catalogues import compile_catalogue

SOURCE = Path(__file__).parents[2] / "seeops"
CATALOGUE = SOURCE / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
# Where the arguments of each call stand: message, plural, context (Babel's notation).
CALLS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[#0\- +]*\d*(?:\.\d+)?[sdifr%]|\{\w*\}")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
# Words that are the same in both languages, and patterns that hold no word at all.
ALIKE = {"of", "%(step)s: %(problem)s", "%(path)s: %(problem)s", "%(name)s: %(problem)s"}


@pytest.fixture(scope="module")
def entries() -> list[polib.POEntry]:
    return list(polib.pofile(str(CATALOGUE)))


def marked() -> Iterator[tuple[str, tuple[str, str]]]:
    """Every message that the source marks for translation: the file, and (context, message)."""
    for path in sorted(SOURCE.rglob("*")):
        if "node_modules" in path.parts or path.suffix not in {".py", ".html", ".txt"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix != ".py":
            if "templates" not in path.parts:
                continue
            # What stands before a mark is no Python indentation, though the extractor would take it for one.
            text = "\n".join(map(str.lstrip, templatize(text, origin=str(path)).splitlines()))
        for _line, function, found, _comments in extract_python(io.BytesIO(text.encode()), CALLS, [], {}):
            parts = found if isinstance(found, tuple) else (found,)
            context, message = (parts[0], parts[1]) if "pgettext" in str(function) else ("", parts[0])
            if message:
                yield str(path.relative_to(SOURCE)), (context or "", message)


def test_every_message_of_the_source_is_in_the_catalogue(entries: list[polib.POEntry]) -> None:
    known = {(entry.msgctxt or "", entry.msgid) for entry in entries}
    messages = list(marked())
    missing = sorted({f"{path}: {message[1]}" for path, message in messages if message not in known})
    assert not missing, "extract and translate these:\n" + "\n".join(missing)
    assert len({message for _path, message in messages}) > 1000, "the source was not walked"


def test_every_entry_is_translated_and_none_is_a_guess(entries: list[polib.POEntry]) -> None:
    unfinished = [entry.msgid for entry in entries if entry.fuzzy or entry.obsolete or not entry.translated()]
    assert not unfinished
    assert {len(entry.msgstr_plural) for entry in entries if entry.msgid_plural} == {1}
    texts = {entry.msgid: entry.msgstr or entry.msgstr_plural[0] for entry in entries}
    assert not [text for text, chinese in texts.items() if text not in ALIKE and not CHINESE.search(chinese)]


def test_placeholders_agree(entries: list[polib.POEntry]) -> None:
    different = []
    for entry in entries:
        if "%(" not in entry.msgid and "{" not in entry.msgid and "python-format" not in entry.flags:
            continue
        chinese = entry.msgstr or entry.msgstr_plural[0]
        if sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid)) != sorted(PLACEHOLDER.findall(chinese)):
            different.append((entry.msgid, chinese))
    assert not different


def compiled(folder: Path) -> Path:
    """The catalogue compiled below `folder` as Django wants to find it; the .mo."""
    po = folder / "zh_Hans" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    shutil.copy(CATALOGUE, po)
    return compile_catalogue(po)


def test_the_catalogue_compiles_and_chinese_has_one_plural_form(tmp_path: Path) -> None:
    with compiled(tmp_path).open("rb") as source:
        loaded = gettext.GNUTranslations(source)
    assert loaded.gettext("Overview") == "总览"
    assert [loaded.ngettext("%(n)s alert", "%(n)s alerts", n) for n in (1, 2)] == ["%(n)s 条告警"] * 2


@pytest.fixture
def chinese_catalogue(tmp_path: Path, settings: object) -> Iterator[None]:
    """Django reads the committed catalogue, whether or not the tree was built; it forgets what it had read before."""
    compiled(tmp_path)
    settings.LOCALE_PATHS = [tmp_path]
    trans_real._translations.clear()
    yield
    trans_real._translations.clear()


@pytest.mark.django_db
@pytest.mark.parametrize("how", ["header", "cookie"])
def test_a_chinese_reader_gets_a_chinese_page(how: str, chinese_catalogue: None) -> None:
    reader = services.person_create(
        actor=None, username="lin", display_name="Lin", roles=["operator"], password="a long enough phrase"
    )
    client = Client(headers={"accept-language": "zh-CN,zh;q=0.9"} if how == "header" else {})
    if how == "cookie":
        client.cookies["django_language"] = "zh-hans"
    client.force_login(reader)
    page = client.get(reverse("accounts:me")).content.decode()
    assert '<html lang="zh-hans">' in page
    navigation = page[page.index('<nav class="rail"') : page.index("</nav>")]
    for word in ("总览", "节点", "业务链路", "发布", "告警"):
        assert word in navigation
    assert not re.search(r">[A-Z][a-z]+<", navigation), "a place of the navigation is not translated"


@pytest.mark.django_db
def test_an_english_reader_gets_an_english_page(chinese_catalogue: None) -> None:
    page = Client(headers={"accept-language": "en"}).get(reverse("login")).content.decode()
    assert '<html lang="en">' in page
    assert "Sign in" in page


@pytest.mark.django_db
def test_words_of_django_and_of_the_api_come_in_chinese_too(chinese_catalogue: None) -> None:
    client = Client(headers={"accept-language": "zh-hans"})
    answer = client.get("/api/v1/nodes/", headers={"accept": "application/json"})
    assert answer.status_code in {401, 403}
    assert CHINESE.search(answer.content.decode())
