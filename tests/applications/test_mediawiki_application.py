"""MediaWiki, written in PHP: its installer makes both databases, people work on it over HTTP."""

from __future__ import annotations

import struct
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from migration.applications.profile_reader import find_profile
from tests.applications.application_run import ApplicationRun, differences, part_of_url
from tests.applications.mediawiki_scripts.wiki_client import WikiClient, WikiError
from tests.support.guarded import free_port

PASSWORD = "Geheim-ünd-länger 9"
EXTENSIONS = (
    "pdo", "ctype", "dom", "fileinfo", "iconv", "intl", "mbstring", "pgsql", "pdo_sqlite", "sqlite3", "simplexml",
    "tokenizer", "xml", "xmlreader", "xmlwriter", "posix",
)  # fmt: skip
SETTINGS = """
$wgEnableUploads = true;
$wgUseImageMagick = false;
$wgUploadDirectory = "{folder}/images";
$wgCacheDirectory = "{folder}/cache";
$wgGroupPermissions['sysop']['userrights'] = true;
$wgRateLimits = [];
$wgJobRunRate = 0;
"""
POSTGRES = """
$wgDBtype = "postgres";
$wgDBserver = "{host}";
$wgDBport = "{port}";
$wgDBname = "{dbname}";
$wgDBuser = "{user}";
$wgDBpassword = "x";
$wgDBmwschema = "mediawiki";
$wgObjectCaches[CACHE_DB] = [ 'class' => SqlBagOStuff::class, 'loggroup' => 'SQLBagOStuff' ];
unset( $wgLocalisationCacheConf['storeServer'], $wgJobTypeConf['default']['server'] );
"""


def picture() -> bytes:
    """A PNG of 4 x 4 points."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(y, y + 12)) for y in range(4))
    head = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


class Wiki:
    """MediaWiki with one settings file, `name`/LocalSettings.php."""

    def __init__(self, application: ApplicationRun, name: str) -> None:
        self.application = application
        self.code = application.environment / "usr" / "share" / "mediawiki"
        self.settings = application.folder / name / "LocalSettings.php"
        self.settings.parent.mkdir(exist_ok=True)
        self.port = free_port()

    def install(self, *database: str) -> None:
        """Make the tables, with the administrator and a main page."""
        self.application.command(
            "php8.2", self.code / "maintenance" / "install.php", *database, "--confpath", self.settings.parent,
            "--scriptpath", "", "--server", f"http://127.0.0.1:{self.port}", "--pass", PASSWORD, "Wiki Übung", "Admin",
        )  # fmt: skip

    def maintain(self, script: str, *words: str) -> str:
        """Run one of the scripts in maintenance/."""
        also = {"MW_CONFIG_FILE": str(self.settings)}
        return self.application.command("php8.2", self.code / "maintenance" / script, *words, also=also)

    @contextmanager
    def running(self) -> Iterator[WikiClient]:
        """Serve it, with the administrator logged in."""
        also = {"MW_CONFIG_FILE": str(self.settings), "PHP_CLI_SERVER_WORKERS": "2"}
        server = ("php8.2", "-S", f"127.0.0.1:{self.port}", "-t", self.code)
        with self.application.server(*server, ready=self._answers, also=also):
            client = WikiClient(self.port)
            client.log_in("Admin", PASSWORD)
            yield client

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api.php", timeout=60):
                return True
        except (urllib.error.URLError, ConnectionError):
            return False


def write(wiki: Wiki) -> None:
    """What people do in a wiki."""
    wiki.maintain("createAndPromote.php", "--bureaucrat", "Zoë", PASSWORD)
    wiki.maintain("createAndPromote.php", "Vandal", PASSWORD)
    with wiki.running() as admin:
        text = "Grüße [[Main Page]] 🎈 {{tpl}}\n\n[[Category:Vögel]] https://example.org/x?a=b\n"
        admin.tell("edit", title="Übersicht", text=text, summary="erste Fassung ✓")
        admin.tell("edit", title="Übersicht", appendtext="mehr \\ 'quotes' \"", summary="", minor="1")
        admin.tell("edit", title="Template:Tpl", text="{{{1|nichts}}}", summary="")
        admin.tell("edit", title="Leer", text="", summary="leer")
        admin.tell("edit", title="Weg", text="wird gelöscht, bleibt im Archiv", summary="x")
        admin.tell("delete", title="Weg", reason="Grund: ü")
        admin.tell("move", to="Neuer Ort", reason="", **{"from": "Leer"})
        admin.tell(
            "protect",
            title="Übersicht",
            protections="edit=sysop|move=sysop",
            expiry="2031-01-01T00:00:00Z|never",
        )
        admin.tell("protect", title="Nie", protections="create=sysop", expiry="infinite")
        admin.tell("block", user="Vandal", expiry="infinite", reason="Spam", nocreate="1")
        admin.tell("block", user="192.0.2.0/24", expiry="2031-01-01T00:00:00Z", reason="", anononly="1")
        admin.tell("userrights", user="Zoë", add="sysop", expiry="2031-06-01T00:00:00Z")
        admin.tell("watch", titles="Übersicht|Main Page")
        admin.tell("options", change="nickname=Ädmin ✍|gender=female")
        admin.tell(
            "upload",
            files={"file": picture()},
            filename="Bild.png",
            text="Ein Bild",
            comment="",
            ignorewarnings="1",
        )
        zoe = WikiClient(wiki.port)
        zoe.log_in("Zoë", PASSWORD)
        zoe.tell("edit", title="Übersicht", appendtext="\nvon Zoë", summary="dritte")
        zoe.tell("edit", title="Talk:Übersicht", text="== Frage ==\n~~~~", summary="/* Frage */")
    wiki.maintain("runJobs.php")


def told(admin: WikiClient) -> dict[str, Any]:
    """All that the wiki tells of itself."""
    pages = [
        page
        for space in ("0", "1", "6", "10", "14")
        for page in admin.all_of("allpages", apnamespace=space, aplimit="50")
    ]
    numbers = "|".join(str(page["pageid"]) for page in pages)
    answers: dict[str, Any] = {"pages": sorted(pages, key=lambda page: page["pageid"])}
    for page in pages:
        revisions = admin.ask(
            titles=page["title"], prop="revisions", rvlimit="50", rvslots="main",
            rvprop="ids|timestamp|user|userid|comment|content|size|sha1|flags|tags|contentmodel",
        )["query"]["pages"][0]  # fmt: skip
        answers[f"page {page['title']}"] = revisions
        answers[f"shown {page['title']}"] = admin.ask("parse", page=page["title"], prop="text")["parse"][
            "text"
        ].split("<!--")[0]
    facts = admin.ask(
        pageids=numbers,
        prop="info|categories|links|extlinks|templates|redirects|imageinfo|pageprops",
        inprop="protection|watched",
        iiprop="timestamp|user|size|sha1|mime|metadata|comment",
        clprop="timestamp|sortkey",
        **dict.fromkeys(("pllimit", "ellimit", "tllimit", "cllimit"), "500"),
    )
    answers["facts"] = sorted(facts["query"]["pages"], key=lambda page: page["pageid"])
    lists: dict[str, dict[str, str]] = {
        "logevents": {
            "lelimit": "500",
            "leprop": "ids|title|type|user|userid|timestamp|comment|details|tags",
        },
        "blocks": {"bkprop": "id|user|by|timestamp|expiry|reason|range|flags"},
        "allusers": {"auprop": "blockinfo|groups|editcount|registration|rights"},
        "recentchanges": {
            "rclimit": "500",
            "rcprop": "user|userid|comment|timestamp|title|ids|sizes|flags|loginfo|patrolled",
        },
        "watchlistraw": {},
        "protectedtitles": {"ptprop": "timestamp|user|comment|expiry|level"},
        "alldeletedrevisions": {"adrprop": "ids|timestamp|user|comment|content|size|sha1"},
    }
    for name, words in lists.items():
        answer = admin.ask(list=name, **words)
        rows = answer["query"][name] if "query" in answer else answer[name]
        answers[name] = sorted(rows, key=lambda row: str(sorted(row.items(), key=lambda item: item[0])))
    answers["me"] = admin.ask(
        meta="userinfo", uiprop="options|groups|editcount|email|registrationdate|latestcontrib"
    )["query"]
    answers["statistics"] = admin.ask(meta="siteinfo", siprop="statistics")["query"]["statistics"]
    answers["statistics"].pop("jobs")  # those of the moment
    return {name: in_order(answer) for name, answer in answers.items()}


def found(wiki: WikiClient, word: str, where: str) -> list[str]:
    return [hit["title"] for hit in wiki.all_of("search", srsearch=word, srwhat=where, srnamespace="0")]


def in_order(answer: Any) -> Any:
    """Put lists of words in order, such as groups and rights: no database promises theirs."""
    if isinstance(answer, dict):
        return {name: in_order(value) for name, value in answer.items()}
    if isinstance(answer, list):
        words = all(isinstance(value, str) for value in answer)
        return sorted(answer) if words else [in_order(value) for value in answer]
    return answer


@pytest.fixture
def wikis(application: ApplicationRun) -> tuple[Wiki, Wiki]:
    """The wiki on SQLite, and the same one on PostgreSQL, where the installer has made the tables."""
    folder = application.folder
    modules = next(application.environment.glob("usr/lib/php/2*"))
    lines = [
        f"extension_dir={modules}",
        "memory_limit=512M",
        *(f"extension={name}.so" for name in EXTENSIONS),
    ]
    (folder / "php.ini").write_text("\n".join(lines) + "\n", encoding="utf-8")
    application.variables |= {"PHPRC": str(folder), "PHP_INI_SCAN_DIR": "", "LANG": "C.UTF-8"}
    for room in ("images", "cache", "data"):
        (folder / room).mkdir()
    before, after = Wiki(application, "before"), Wiki(application, "after")
    before.install("--dbtype", "sqlite", "--dbpath", str(folder / "data"), "--dbname", "wiki")
    parts = {name: part_of_url(application.target_url, name) for name in ("host", "port", "dbname", "user")}
    after.install(
        "--dbtype", "postgres", "--dbserver", parts["host"], "--dbport", parts["port"], "--dbname", parts["dbname"],
        "--dbuser", parts["user"], "--dbpass", "x", "--installdbuser", parts["user"], "--installdbpass", "x",
    )  # fmt: skip
    settings = before.settings.read_text(encoding="utf-8") + SETTINGS.format(folder=folder)
    before.settings.write_text(settings, encoding="utf-8")
    after.settings.write_text(settings + POSTGRES.format(**parts), encoding="utf-8")
    return before, after


def test_a_wiki_goes_on_in_postgresql(application: ApplicationRun, wikis: tuple[Wiki, Wiki]) -> None:
    before, after = wikis
    write(before)
    with before.running() as admin:
        kept = told(admin)
    assert len(kept["logevents"]) > 10

    application.migrate(application.folder / "data" / "wiki.sqlite", app="mediawiki")

    with psycopg.connect(application.target_url) as target:
        for statement in find_profile("mediawiki").profile.afterwards:
            target.execute(statement.sql.encode())
    with after.running() as admin:
        other = differences(kept, told(admin))
        assert not other, "\n".join(other)
        assert found(admin, "Grüße", "text") == found(admin, "Übersicht", "title") == ["Übersicht"]
        admin.tell("edit", title="Übersicht", appendtext="\nin PostgreSQL", summary="weiter")
        assert admin.tell("edit", title="Brandneu", text="neu", summary="")["edit"]["pageid"] > 0
        admin.tell("undelete", title="Weg", reason="")
        admin.tell("block", user="198.51.100.7", expiry="1 week", reason="neu")
        admin.tell("unblock", user="Vandal", reason="")
        zoe = WikiClient(after.port)
        zoe.log_in("Zoë", PASSWORD)
        zoe.tell("edit", title="Benutzt", text="auch neu", summary="")
        with pytest.raises(WikiError):
            WikiClient(after.port).log_in("Zoë", "x")
    after.maintain("createAndPromote.php", "Carla", PASSWORD)
    after.maintain("update.php", "--quick")
