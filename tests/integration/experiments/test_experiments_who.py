"""Who it was, and the evidence file, in `ab` and `capacity`: planted slowness, and planted secrets."""

import io
import json
import subprocess
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from durable_harness.cli import main

pytestmark = pytest.mark.thorough

APPS = Path(__file__).parents[2] / "apps"
SHORT = ("--slice", "0.25", "--rate", "20", "--warm-up", "0.5", "--start-path", "/api/work", "--payload", '{"id": 1}')
SECRET, HEADER = "accountkey0004ABC", "headervalue0002"
THREADS = "PYTHON_THREADPOOL_THREAD_COUNT"


def git(folder, *words):
    """Run git in a folder."""
    words = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *words]
    subprocess.run(words, capture_output=True, text=True, check=True)


@pytest.fixture
def repository(tmp_path):
    """Return a repository with the constant app, whose local settings have a secret."""
    app = tmp_path / "app"
    app.mkdir()
    for name in ("function_app.py", "host.json", "local.settings.json"):
        (app / name).write_text((APPS / "constant" / name).read_text())
    settings = json.loads((app / "local.settings.json").read_text())
    settings["Values"]["STORAGE"] = f"AccountName=shop;AccountKey={SECRET};Suffix=x"
    (app / "local.settings.json").write_text(json.dumps(settings))
    git(app, "init", "--quiet")
    git(app, "add", "--all", "--force")
    git(app, "commit", "--quiet", "--message", "first")
    return app


def contents(path):
    """Return the files of an archive as text, tables too."""
    with zipfile.ZipFile(path) as archive:
        raw = {name: archive.read(name) for name in archive.namelist()}
    return {
        name: str(pq.read_table(io.BytesIO(data)).to_pylist()) if "parquet" in name else data.decode()
        for name, data in raw.items()
    }


def test_ab_names_the_party_that_grew(repository, tmp_path, capsys):
    """A head whose activities take longer is slower by its app; the evidence has both sides and no secrets."""
    source = (repository / "function_app.py").read_text()
    (repository / "function_app.py").write_text(source.replace("sleep(0.1)", "sleep(0.14)"))
    assert (repository / "function_app.py").read_text() != source
    report, evidence = tmp_path / "report", tmp_path / "evidence.zip"
    words = ["ab", str(repository), "--base", "HEAD", "--report-dir", str(report), "--evidence", str(evidence), *SHORT]
    code = main([*words, "--headers", f"X-Shop: {HEADER}"])
    printed = capsys.readouterr().out
    assert code == 1, printed
    who = json.loads((report / "comparison.json").read_text())["who"]
    grown = who["head"]["shares"]["app"]["mean_ms"] - who["base"]["shares"]["app"]["mean_ms"]
    assert grown == pytest.approx(80, rel=0.25)
    assert who["text"].partition("in the mean: ")[2].startswith("app +")
    assert f"who was it: {who['text']}" in printed
    assert "who was it" in (report / "comparison.md").read_text()
    files = contents(evidence)
    assert {
        "comparison.json",
        "comparison.html",
        "operations.parquet",
        "logs/base.log",
        "logs/head.log",
    } <= files.keys()
    assert {"versions.json", "settings.json", "app/host.json", "app/local.settings.json"} <= files.keys()
    assert "'worker': 'head'" in files["operations.parquet"]
    assert [name for name, text in files.items() if SECRET in text or HEADER in text] == []
    assert json.loads(files["evidence.json"])["ended"].startswith("slower: ")


def test_capacity_names_who_broke_the_objective(tmp_path, capsys, monkeypatch):
    """An app that starves of threads: the host, with the setting; the evidence has the trials."""
    monkeypatch.setenv(THREADS, "1")
    report, evidence = tmp_path / "report", tmp_path / "evidence.zip"
    words = ["capacity", str(APPS / "slow"), "--objective", "completion_ms p50 <= 1200", "--evidence", str(evidence)]
    words += ["--start-path", "/api/orchestrators/starved_of_threads", "--start-rate", "2", "--max-rate", "2"]
    main([*words, "--trial", "6", "--warm-up", "0.5", "--resolution", "90", "--report-dir", str(report)])
    printed = capsys.readouterr().out
    document = json.loads((report / "capacity.json").read_text())
    culprits = [trial["who"]["gates"]["completion_ms p50"] for trial in document["trials"] if not trial["met"]]
    assert "host" in {one["party"] for one in culprits}, printed
    assert f"{THREADS} is 1" in " ".join(one["evidence"] for one in culprits)
    assert ", completion_ms p50: host: " in printed
    assert document["saturated_first"].startswith("threads of the host (of "), printed
    assert "who was it at " in (report / "capacity.html").read_text()
    files = contents(evidence)
    assert {"capacity.json", "capacity.html", "operations.parquet", "logs/host-1.log"} <= files.keys()


@pytest.mark.parametrize("command", [["ab", "--base", "HEAD"], ["capacity", "--objective", "completion_ms p50 <= 1"]])
def test_a_place_that_cannot_be_written_is_refused_at_once(repository, tmp_path, capsys, command):
    """Before anything is served: exit code 2, and the option is named."""
    words = [*command, "--app", str(repository), "--report-dir", str(tmp_path / "report")]
    assert main([*words, "--evidence", str(tmp_path / "gone" / "e.zip")]) == 2
    assert "--evidence" in capsys.readouterr().err


def test_an_error_that_ends_it_is_in_the_evidence(repository, tmp_path, capsys):
    """A base that cannot be checked out: no reports, but versions, settings, and why it ended."""
    evidence = tmp_path / "evidence.zip"
    words = ["ab", str(repository), "--base", "nowhere", "--report-dir", str(tmp_path / "report")]
    assert main([*words, "--evidence", str(evidence)]) == 2
    files = contents(evidence)
    assert "'nowhere' is not a revision" in json.loads(files["evidence.json"])["ended"]
    assert "versions.json" in files
