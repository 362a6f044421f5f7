"""`irsa lint` on files as people have them: formats that other programs read, fixes, ignores, exit codes."""

import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest
from conftest import BINARY

FIXTURES = pathlib.Path(__file__).parents[2] / "crates/irsa/tests/lint"
SCHEMAS = pathlib.Path(__file__).parents[2] / "docs/schemas"
ROLE = "arn:aws:iam::111122223333:role/reader"


def lint(*arguments, cwd=FIXTURES, stdin="", **more):
    command = [BINARY, "lint", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd, input=stdin, **more)


def findings(*arguments, **more):
    done = lint(*arguments, "-o", "json", **more)
    return [(finding["code"], finding["file"], finding["line"]) for finding in json.loads(done.stdout)["findings"]]


def codes(*arguments, **more):
    return [code for code, _, _ in findings(*arguments, **more)]


@pytest.fixture
def copy(tmp_path):
    def fixture(name):
        shutil.copytree(FIXTURES / name, tmp_path / name)
        return tmp_path / name

    return fixture


def test_documents_as_walkthroughs_print_them():
    # No indentation, the scheme left in the provider's name, no audience.
    assert sorted(set(codes("copied"))) == ["IRSA-K005", "IRSA-T003", "IRSA-T016"]
    # A subject under the audience's key, no namespace, no indentation.
    assert sorted(set(codes("wrong-key"))) == ["IRSA-K004", "IRSA-K005", "IRSA-T004"]
    # Comments in the JSON of heredocs, no audience.
    assert sorted(set(codes("heredocs"))) == ["IRSA-J001", "IRSA-T003"]


def test_text_names_place_code_and_reason():
    done = lint("wrong-key/trust.json")
    assert done.returncode == 1 and done.stderr == ""
    assert re.match(r"Error +\[IRSA-T004\] \(wrong-key/trust.json:12:11\) .*:aud", done.stdout)
    assert done.stdout.splitlines()[-1].startswith("1 error in 1 document of 1 file. irsa lint --fix would repair 1.")
    assert "\x1b" not in done.stdout


def test_json():
    report = json.loads(lint(".", "-o", "json").stdout)
    assert report["version"] == 1
    summary = report["summary"]
    assert summary["files"] == 13
    for severity in ["error", "security", "warning", "info"]:
        assert summary[severity] == sum(one["severity"] == severity for one in report["findings"])
    assert summary["fixable"] == sum(one["fix"] is not None for one in report["findings"])
    schema = json.loads((SCHEMAS / "lint.v1.json").read_text())
    assert sorted(report) == sorted(schema["required"]) and sorted(summary) == sorted(schema["properties"]["summary"]["required"])
    of_finding = schema["$defs"]["finding"]
    for finding in report["findings"]:
        assert sorted(finding) == sorted(of_finding["required"])
        assert set(finding) <= set(of_finding["properties"])
        assert finding["severity"] in of_finding["properties"]["severity"]["enum"]
        text = (FIXTURES / finding["file"]).read_text().splitlines()
        assert 1 <= finding["line"] <= len(text)
        assert 1 <= finding["column"] <= len(text[finding["line"] - 1]) + 1
        assert subprocess.run([BINARY, "explain", finding["code"]], capture_output=True).returncode == 0


def test_sarif():
    log = json.loads(lint(".", "-o", "sarif").stdout)
    assert log["version"] == "2.1.0" and log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    assert run["columnKind"] == "unicodeCodePoints"
    for result in run["results"]:
        assert result["ruleId"] in rules
        assert result["level"] in ["error", "warning", "note"]
        assert result["message"]["text"]
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert (FIXTURES / uri).is_file()
        region = location["physicalLocation"]["region"]
        assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])
        for fix in result.get("fixes", []):
            for change in fix["artifactChanges"]:
                assert change["artifactLocation"]["uri"] == uri
                assert all(part["deletedRegion"] for part in change["replacements"])
    assert any("fixes" in result for result in run["results"])


def test_sarif_fixes_are_the_fixes(copy):
    """A program that applies the replacements of one result gets what we apply."""
    folder = copy("heredocs")
    log = json.loads(lint("main.tf", "-o", "sarif", cwd=folder).stdout)
    lines = (folder / "main.tf").read_text().split("\n")
    replacements = [
        part
        for result in log["runs"][0]["results"]
        for fix in result.get("fixes", [])
        for part in fix["artifactChanges"][0]["replacements"]
    ]
    start = lambda part: (part["deletedRegion"]["startLine"], part["deletedRegion"]["startColumn"])
    for part in sorted(replacements, key=start, reverse=True):
        region = part["deletedRegion"]
        first, last = region["startLine"] - 1, region["endLine"] - 1
        head, tail = lines[first][: region["startColumn"] - 1], lines[last][region["endColumn"] - 1 :]
        lines[first : last + 1] = (head + part["insertedContent"]["text"] + tail).split("\n")
    assert lint("--fix", "--approve", "main.tf", cwd=folder).returncode == 0
    assert (folder / "main.tf").read_text() == "\n".join(lines)


def test_junit_has_a_case_for_each_document():
    suites = ElementTree.fromstring(lint(".", "-o", "junit").stdout)
    report = json.loads(lint(".", "-o", "json").stdout)
    cases = suites.findall("testsuite/testcase")
    assert suites.tag == "testsuites" and int(suites.get("tests")) == len(cases) == report["summary"]["documents"]
    failed = [case for case in cases if case.find("failure") is not None]
    assert int(suites.get("failures")) == len(failed) > 0
    assert all(case.find("failure").get("type").startswith("IRSA-") for case in failed)
    quiet = ElementTree.fromstring(lint(".", "-o", "junit", "--fail-on", "never").stdout)
    assert quiet.get("failures") == "0" and quiet.find("testsuite/testcase/system-out") is not None


def test_github_commands_are_one_line_each(tmp_path):
    name = "a,b:c%.yaml"
    text = (FIXTURES / "pods/pods.yaml").read_text()
    (tmp_path / name).write_text(text.replace("<account-id>", '"%0A::set-output"'))
    done = lint(".", "-o", "github", cwd=tmp_path)
    for line in done.stdout.splitlines():
        assert re.fullmatch(
            r"::(error|warning|notice) file=a%2Cb%3Ac%25\.yaml,line=\d+,col=\d+,endLine=\d+,title=IRSA-[A-Z]\d{3}::[^\n]+", line
        ), line
        assert "%0A" not in line
    assert "documents" in done.stderr


def test_a_plan_is_checked_as_a_whole():
    found = json.loads(lint("plan/plan.json", "-o", "json").stdout)["findings"]
    assert [(one["code"], one["object"]) for one in found] == [
        ("IRSA-I110", "aws_iam_role.api inline all"),
        ("IRSA-T022", "module.worker.aws_iam_role.this"),
        ("IRSA-T023", "module.worker.aws_iam_role.this"),
        ("IRSA-I101", "module.worker.aws_s3_bucket_policy.this"),
    ]
    assert all(one["inPolicy"]["line"] == 1 and one["fix"] is None for one in found)
    assert "wroker" in found[2]["reason"]


def test_rendered_charts_and_what_pods_get():
    assert findings("chart") == [
        ("IRSA-K007", "chart/rendered.yaml", 11),
        ("IRSA-K004", "chart/rendered.yaml", 14),
        ("IRSA-K003", "chart/rendered.yaml", 37),
    ]
    found = codes("pods")
    assert found.count("IRSA-P005") == 2 and "IRSA-P007" in found and found.count("IRSA-K006") == 2


def test_standard_input():
    for text, expected in [
        ((FIXTURES / "wrong-key/trust.json").read_text(), ["IRSA-T004"]),
        ((FIXTURES / "plan/plan.json").read_text(), ["IRSA-I110", "IRSA-T022", "IRSA-T023", "IRSA-I101"]),
        ((FIXTURES / "chart/rendered.yaml").read_text(), ["IRSA-K007", "IRSA-K004", "IRSA-K003"]),
        ("// note\n" + (FIXTURES / "wrong-key/trust.json").read_text(), ["IRSA-J001", "IRSA-T004"]),
        ("", []),
    ]:
        assert codes("-", stdin=text) == expected
    assert findings("-", stdin="a: [")[0][:2] == ("IRSA-L003", "-")


def test_exit_codes(tmp_path):
    assert lint("heredocs/app.yaml").returncode == 0
    # The worst in `audience.json` is a warning, in `chart` an error.
    trust = json.loads((FIXTURES / "copied/trust-policy.json").read_text().replace("https://", ""))
    audience = tmp_path / "audience.json"
    audience.write_text(json.dumps(trust))
    assert codes(audience) == ["IRSA-T003"]
    for fail_on, warning, error in [("error", 0, 1), ("security", 0, 1), ("warning", 1, 1), ("info", 1, 1), ("never", 0, 0)]:
        assert lint(audience, "--fail-on", fail_on).returncode == warning, fail_on
        assert lint("chart", "--fail-on", fail_on).returncode == error, fail_on
    assert lint("commands/get-role-policy.json", "--fail-on", "error").returncode == 0
    assert lint("commands/get-role-policy.json").returncode == 1, "a security finding fails by default"
    for wrong in [["--nope"], ["--approve"], ["-o", "xml"], ["--ignore", "nonsense"], ["--fix", "-", "chart"]]:
        done = lint(*wrong)
        assert done.returncode == 2 and done.stdout == "", wrong
    missing = lint("heredocs/app.yaml", "no-such-file.json")
    assert missing.returncode == 3 and "no-such-file.json" in missing.stderr and "IRSA-X040" in missing.stderr
    assert lint("chart", "no-such-file.json").returncode == 1, "what was found is certain"
    large = tmp_path / "large.json"
    large.write_text(" " * (16 * 1024 * 1024 + 1))
    done = lint(large)
    assert done.returncode == 3 and "16 MiB" in done.stderr
    assert lint(".", cwd=tmp_path).returncode == 0 and "large.json" in lint(".", cwd=tmp_path).stderr
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe")
    assert lint(binary).returncode == 3


def test_a_broken_file_hides_no_other(copy):
    folder = copy("wrong-key")
    (folder / "broken.json").write_text('{"apiVersion": ')
    (folder / "tsconfig.json").write_text("// another program's\n{}\n")
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "template.yaml").write_text("{{- if .Values.a }}\na: {{ .Values.a }}\n{{- end }}\n")
    os.symlink(folder, folder / "again")
    assert codes("tsconfig.json", cwd=folder) == ["IRSA-L003"], "what is named is meant"
    found = findings(".", cwd=folder)
    assert ("IRSA-T004", "trust.json", 12) in found and found.count(("IRSA-T004", "trust.json", 12)) == 1
    assert {(code, file) for code, file, _ in found if "-L" in code} == {
        ("IRSA-L003", "broken.json"),
        ("IRSA-L005", "deep.json"),
        ("IRSA-L005", "tsconfig.json"),
        ("IRSA-L004", "template.yaml"),
    }


def test_fixes_are_shown_and_then_written(copy):
    folder = copy("wrong-key")
    trust = folder / "trust.json"
    before = trust.read_text()
    trust.chmod(0o640)
    (folder / "link.json").symlink_to("trust.json")
    shown = lint("--fix", "trust.json", "app.yaml", cwd=folder)
    assert shown.returncode == 1 and trust.read_text() == before
    assert shown.stdout.startswith("--- a/trust.json\n+++ b/trust.json\n@@ ")
    assert "Nothing was changed; run again with --approve." in shown.stderr
    patch = subprocess.run(["git", "apply", "-p1", "--check"], input=shown.stdout, text=True, cwd=folder, capture_output=True)
    assert patch.returncode == 0, patch.stderr

    written = lint("--fix", "--approve", "link.json", "app.yaml", cwd=folder)
    assert written.returncode == 1 and "IRSA-K004" in written.stdout, "a namespace has no one answer"
    assert stat.S_IMODE(trust.stat().st_mode) == 0o640 and (folder / "link.json").is_symlink()
    condition = json.loads(trust.read_text())["Statement"][0]["Condition"]
    keys = {operator: sorted(key.rsplit(":", 1)[1] for key in pairs) for operator, pairs in condition.items()}
    assert keys == {"StringLike": ["sub"], "StringEquals": ["aud"]}
    assert sorted(path.name for path in folder.iterdir()) == ["app.yaml", "link.json", "trust.json"]
    again = lint("--fix", "trust.json", "app.yaml", cwd=folder)
    assert again.stdout == "" and "Nothing to fix." in again.stderr


def test_fixed_standard_input_is_the_result(copy):
    text = (FIXTURES / "copied/service-account.yaml").read_text()
    done = lint("--fix", "-", stdin=text)
    assert done.returncode == 0
    assert f"  annotations:\n    eks.amazonaws.com/role-arn: {ROLE}\n" in done.stdout
    assert "1 fix applied." in done.stderr
    assert lint("--fix", "-", stdin=done.stdout).stdout == done.stdout


def test_ignores_need_a_reason_and_a_use(copy):
    folder = copy("chart")
    sidecar = folder / ".irsa-ignore"
    sidecar.write_text("# decided in spring\nrendered.yaml IRSA-K003 made by the platform\nother.yaml IRSA-K001 gone\n")
    report = json.loads(lint(".", "-o", "json", cwd=folder).stdout)
    assert [one["code"] for one in report["findings"]] == ["IRSA-K007", "IRSA-K004"]
    assert [(one["code"], one["ignoredBecause"]) for one in report["ignored"]] == [("IRSA-K003", "made by the platform")]
    # Also from further down.
    (folder / "below").mkdir()
    shutil.move(folder / "rendered.yaml", folder / "below")
    sidecar.write_text("below/*.yaml IRSA-K003\nbelow IRSA-P005 long gone\n")
    assert findings("rendered.yaml", cwd=folder / "below")[2:] == [
        ("IRSA-L001", str(sidecar.resolve()), 1),
        ("IRSA-L002", str(sidecar.resolve()), 2),
    ]
    sidecar.unlink()

    text = (folder / "below/rendered.yaml").read_text()
    text = text.replace("    eks.amazonaws.com/role-arm", "    # irsa-ignore: IRSA-K007 another webhook reads it\n    eks.amazonaws.com/role-arm")
    text = text.replace("# Source: shop/templates/deployment.yaml", "# irsa-ignore: IRSA-K004 kubectl -n shop")
    text = text.replace("serviceAccountName: shop-test", "serviceAccountName: shop-test # irsa-ignore: IRSA-K003")
    assert codes("-", stdin=text) == ["IRSA-L001"]
    assert codes("-", "--ignore", "L001=for now", stdin=text) == []
    assert codes("chart", "--ignore", "K003", "--ignore", "IRSA-K004=x") == ["IRSA-K007"]
    suppressed = json.loads(lint("-", "-o", "sarif", stdin=text).stdout)["runs"][0]["results"]
    assert sum(one.get("suppressions", [{}])[0].get("kind") == "inSource" for one in suppressed) == 3


def test_contents_do_not_steer_the_terminal(tmp_path):
    evil = "\x1b]0;owned\x07\u202e\u009b31m"
    (tmp_path / "a.yaml").write_text(
        "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: a\n  annotations:\n"
        '    eks.amazonaws.com/role-arn: "\\e]0;owned\\a\\u202e\\x9b31m"\n'
    )
    (tmp_path / f"b{evil}.json").write_text("{")
    for output in ["text", "json", "sarif", "junit", "github"]:
        done = lint(".", "-o", output, cwd=tmp_path)
        assert "owned" in done.stdout
        assert not set("\x1b\x07\u202e\u009b") & set(done.stdout + done.stderr), output
