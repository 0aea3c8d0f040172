"""Catalogues compile without GNU gettext; an invalid one is named."""

from __future__ import annotations

import gettext

import pytest

from seeops.bootstrap.catalogues import compile_catalogue

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Language: zh_Hans\\n"\n\n'


def test_catalogue_compiles_beside_its_source_without_fuzzy_entries(tmp_path) -> None:
    po = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    po.write_text(f'{HEAD}msgid "Node"\nmsgstr "节点"\n\n#, fuzzy\nmsgid "Hop"\nmsgstr "啤酒"\n')
    with compile_catalogue(po).open("rb") as compiled:
        catalogue = gettext.GNUTranslations(compiled)
    assert catalogue.gettext("Node") == "节点"
    assert catalogue.gettext("Hop") == "Hop"


def test_invalid_catalogue_is_named(tmp_path) -> None:
    po = tmp_path / "zh_Hans" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    po.write_text(f'{HEAD}msgid "Node\n')
    with pytest.raises(ValueError, match=r"django\.po is not a valid catalogue"):
        compile_catalogue(po)
