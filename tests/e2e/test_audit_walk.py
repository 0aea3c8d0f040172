"""An auditor collects evidence, makes an export, and checks it with nothing but the program inside it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.e2e.conftest import Visit
from tests.product import Product


@pytest.mark.timeout(240)
def test_from_evidence_to_an_export_whose_digests_check(product: Product, visit: Visit, tmp_path: Path) -> None:
    page = visit("he")
    page.goto("/maturity/")
    page.get_by_role("button", name="Collect evidence now").click()
    page.get_by_text("pieces of evidence were collected").wait_for()
    page.get_by_role("button", name="Make an export").click()
    page.get_by_text("The export is ready to download").wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").first.click()
    export = tmp_path / "export.zip"
    waiting.value.save_as(export)
    with zipfile.ZipFile(export) as archive:
        archive.extract("verify.py", tmp_path)
        assert {"report.pdf", "evidence.xlsx", "assessment.json", "audit.jsonl", "MANIFEST.json"} <= set(
            archive.namelist()
        )
    answer = subprocess.run(
        [sys.executable, "-I", "verify.py", "export.zip"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout

    page.goto("/audit/")
    page.get_by_text("chain intact").wait_for()
    page.locator("tbody tr", has_text="maturity.export").first.wait_for()
