"""`python -m documentation.site_build`: docs/ as a site in build/site, with its links checked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

from documentation.llms_text import llms_full_text, llms_text
from documentation.site_links import broken_links
from documentation.site_pages import CONFIGURATION, ROOT, site_pages

PATIENCE_SECONDS: Final = 300


class SiteBuildError(Exception):
    """The site cannot be built, or leads somewhere that is not there; the message has a line for each reason."""


def build_site(root: Path = ROOT) -> Path:
    """Build the site anew and return its folder.

    Args:
        root: a folder that holds docs/ and zensical.toml.

    Raises:
        SiteBuildError: zensical refuses a page, or something that a page points at is missing.
    """
    project = tomllib.loads((root / CONFIGURATION).read_text(encoding="utf-8"))["project"]
    site = root / str(project["site_dir"])
    shutil.rmtree(site, ignore_errors=True)
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", str(root / CONFIGURATION)],
        cwd=root,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if built.returncode != 0:
        raise SiteBuildError(f"{built.stdout}{built.stderr}".partition("Traceback")[0].strip())
    pages = site_pages(root)
    for page in pages:  # beside each page the Markdown that it was made of, which llms.txt leads to
        (site / page.path).parent.mkdir(parents=True, exist_ok=True)
        (site / page.path).write_text(page.text, encoding="utf-8")
    (site / "llms.txt").write_text(llms_text(pages, project["site_description"]), encoding="utf-8")
    (site / "llms-full.txt").write_text(llms_full_text(pages), encoding="utf-8")
    if broken := broken_links(site):
        raise SiteBuildError("\n".join(broken))
    return site


def main() -> int:
    """Build, and say where the site is or what is wrong with it."""
    try:
        site = build_site()
    except SiteBuildError as error:
        print(error, file=sys.stderr)  # noqa: T201  # a script speaks to its terminal
        return 1
    print(f"{site.relative_to(ROOT)}/index.html")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
