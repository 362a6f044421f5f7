"""`irsa policy`: what strangers' test suites send, and what they get."""

import json
import os
import pathlib
import re
import subprocess

import pytest
from conftest import BINARY, ROOT

ANN = "arn:aws:iam::111122223333:user/ann"
BUCKET = {"arn": "arn:aws:s3:::b/k", "account": "111122223333"}


def irsa(*arguments, stdin=b"", code=0):
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run([BINARY, "policy", *arguments], input=data, capture_output=True, timeout=120)
    assert done.returncode == code, (done.returncode, done.stderr.decode())
    return done


def lines(command, data, *more):
    output = irsa(command, "--batch", *more, stdin=data).stdout.decode()
    assert output == "" or output.endswith("\n")
    return [json.loads(line) for line in output.splitlines()]


def evaluate(*cases, more=()):
    return lines("eval", "".join(json.dumps(case) + "\n" for case in cases), *more)


def document(*statements, version="2012-10-17"):
    return {"Version": version, "Statement": list(statements)}


def allow(action="*", resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="*", resource="*", **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def case(**changes):
    given = {"id": 1, "principal": ANN, "action": "s3:GetObject", "resource": BUCKET, "context": {}, "policies": {}}
    return {**given, **changes}


def decided(**changes):
    (answer,) = evaluate(case(**changes))
    return answer.get("decision") or answer["error"]["code"]


def test_answers_have_the_contracts_members():
    (answer,) = evaluate(case(policies={"identity": [document(allow(Sid="All"))]}))
    assert answer == {
        "id": 1,
        "decision": "Allowed",
        "layer": "identity",
        "statements": [{"layer": "identity", "policy": 0, "statement": 0, "sid": "All", "effect": "Allow"}],
    }
    (answer,) = evaluate(case())
    assert answer == {"id": 1, "decision": "ImplicitlyDenied", "layer": "identity", "statements": []}
    full = [[document(allow())]]
    (answer,) = evaluate(case(policies={"identity": [document(allow())], "scp": full, "boundary": full[0]}))
    assert [statement["layer"] for statement in answer["statements"]] == ["identity", "scp", "boundary"]
    scp = [[document(allow())], [document(allow()), document(deny("s3:*", Sid="No"))]]
    (answer,) = evaluate(case(policies={"identity": [document(allow())], "scp": scp}))
    denial = {"layer": "scp", "level": 1, "policy": 1, "statement": 0, "sid": "No", "effect": "Deny"}
    assert answer == {"id": 1, "decision": "ExplicitlyDenied", "layer": "scp", "statements": [denial]}


def test_explanations_are_the_engines():
    allowed, denied = evaluate(case(policies={"identity": [document(allow())]}), case(), more=["--explain"])
    assert allowed["explain"]["decision"] == {"effect": "allow"}
    assert allowed["explain"]["layers"][0]["policies"][0]["statements"][0]["matched"] is True
    assert "no identity-based policy allows the s3:GetObject action" in denied["explain"]["message"]


def test_lines_that_are_no_case_get_their_error_and_the_rest_goes_on():
    good = json.dumps(case(id="good", policies={"identity": [document(allow())]})).encode()
    bad = [
        (b"not json", "IRSA-B001", None),
        (b'{"id": 5, "principal": ', "IRSA-B001", 5),
        (b"[]", "IRSA-B002", None),
        (b"7", "IRSA-B002", None),
        (b"\xff\xfe\x00\x01", "IRSA-B001", None),
        (b'{"id": "\xff"}', "IRSA-B001", None),
        (b'{"id": 6}', "IRSA-B002", 6),
        (json.dumps(case(id=7, principal="ann")).encode(), "IRSA-B002", 7),
        (json.dumps(case(id=8, policies={"identiy": []})).encode(), "IRSA-B002", 8),
        (json.dumps(case(id=9, policies={"identity": [{}]})).encode(), "IRSA-B003", 9),
        (json.dumps(case(id=10, context={"k": {"a": 1}})).encode(), "IRSA-B002", 10),
        (json.dumps(case(id=11, resource={"ARN": "x"})).encode(), "IRSA-B002", 11),
        (json.dumps(case(id=12, policies=None)).encode(), "IRSA-B002", 12),
        (b"[" * 5000, "IRSA-B001", None),
        (good[:-1] + b',"x":"' + b"x" * (4 * 1024 * 1024) + b'"}', "IRSA-B004", "good"),
    ]
    data = b"\n".join(line for bad_line, _, _ in bad for line in (bad_line, good))
    answers = lines("eval", data)
    assert len(answers) == 2 * len(bad)
    for (line, code, id), error, answer in zip(bad, answers[::2], answers[1::2]):
        assert error["error"]["code"] == code and set(error) == {"id", "error"}, (line[:80], error)
        assert set(error["error"]) == {"code", "message"} and error["error"]["message"]
        assert code == "IRSA-B004" or error["id"] == id, line[:80]
        assert (answer["id"], answer["decision"]) == ("good", "Allowed")


def test_ids_come_back_as_they_are():
    texts = ["1", "-0.50", "1e3", "null", "true", '"é\\u00e9\\n"', "[1, {}]", '{"a":  [null]}', "12345678901234567890123"]
    data = "".join(f'{{"id": {text}, {json.dumps(case())[1:]}'.replace(', "id": 1', "", 1) + "\n" for text in texts)
    output = irsa("eval", "--batch", stdin=data).stdout.decode().splitlines()
    for text, line in zip(texts, output, strict=True):
        assert line.startswith(f'{{"id":{text},"decision":'), line
    without = {name: value for name, value in case().items() if name != "id"}
    assert evaluate(without)[0]["id"] is None


def test_line_ends_and_blank_lines():
    one, two = json.dumps(case(id=1)), json.dumps(case(id=2))
    for data in [f"{one}\r\n{two}\r\n", f"\n\n{one}\n \t\n{two}", f"\ufeff{one}\n{two}\n\n"]:
        assert [answer["id"] for answer in lines("eval", data)] == [1, 2]
    assert lines("eval", "") == []


def test_order_is_kept():
    cases = [case(id=number, policies={"identity": [document(allow(Sid=f"S{number % 97}"))]}) for number in range(20000)]
    answers = evaluate(*cases)
    assert [answer["id"] for answer in answers] == list(range(20000))
    assert all(answer["statements"][0]["sid"] == f"S{answer['id'] % 97}" for answer in answers)


def test_an_answer_comes_before_the_next_question():
    with subprocess.Popen([BINARY, "policy", "eval", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for number in range(3):
            process.stdin.write(json.dumps(case(id=number)).encode() + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_a_reader_that_leaves_ends_the_batch():
    process = subprocess.Popen([BINARY, "policy", "eval", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdout.close()
    # More input may come, and nobody waits for it.
    os.write(process.stdin.fileno(), json.dumps(case()).encode() + b"\n")
    assert process.wait(timeout=20) == 0
    process.stdin.close()


@pytest.mark.parametrize(
    "principal",
    [
        ANN,
        "arn:aws:iam::111122223333:role/path/app",
        "arn:aws:sts::111122223333:assumed-role/app/s",
        {"type": "AWS", "value": ANN},
        {"type": "User", "arn": ANN},
        {"type": "IAMUser", "arn": ANN, "id": "AIDAEXAMPLEEXAMPLE"},
        {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/app/s"},
        {"type": "Role", "arn": "arn:aws:iam::111122223333:role/app", "session_name": "s"},
        {"type": "User", "account": "111122223333", "name": "ann"},
        {"type": "AssumedRole", "roleArn": "arn:aws:iam::111122223333:role/app", "sessionName": "s"},
        {"AWS": ANN},
    ],
)
def test_callers_with_policies_of_their_own(principal):
    policies = {"identity": [document(allow("s3:GetObject"))]}
    assert decided(principal=principal, policies=policies) == "Allowed"
    assert decided(principal=principal, action="s3:PutObject", policies=policies) == "ImplicitlyDenied"


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ("*", "*"),
        ({"type": "Anonymous"}, "*"),
        ({"type": "anonymous"}, {"AWS": "*"}),
        ("ec2.amazonaws.com", {"Service": "ec2.amazonaws.com"}),
        ({"type": "Service", "value": "ec2.amazonaws.com"}, {"Service": "ec2.amazonaws.com"}),
        ({"Service": "ec2.amazonaws.com"}, {"Service": "ec2.amazonaws.com"}),
        ("arn:aws:sts::111122223333:federated-user/f", {"AWS": "arn:aws:sts::111122223333:federated-user/f"}),
        ("arn:aws:sts::111122223333:assumed-role/app/s", {"AWS": "arn:aws:sts::111122223333:assumed-role/app/s"}),
        ("arn:aws:iam::111122223333:role/app", {"AWS": "arn:aws:iam::111122223333:role/app"}),
        ("arn:aws:sts::111122223333:assumed-role/app/s", {"AWS": "arn:aws:iam::111122223333:role/app"}),
        ({"type": "User", "arn": ANN, "id": "AIDAEXAMPLEEXAMPLE"}, {"AWS": "AIDAEXAMPLEEXAMPLE"}),
        ("111122223333", {"AWS": "111122223333"}),
    ],
)
def test_callers_whom_a_resource_names(principal, named):
    statement = {**allow("s3:GetObject"), "Principal": named}
    assert decided(principal=principal, policies={"resource": document(statement)}) == "Allowed"
    if principal != "111122223333":
        other = {**statement, "Principal": {"AWS": "arn:aws:iam::111122223333:user/other"}}
        assert decided(principal=principal, policies={"resource": document(other)}) == "ImplicitlyDenied"


def test_the_session_of_a_role_has_no_name_that_a_policy_can_say():
    role = "arn:aws:iam::111122223333:role/app"
    for session in ["*", "", "session", "app"]:
        named = {"AWS": f"arn:aws:sts::111122223333:assumed-role/app/{session}"}
        statement = {**allow("s3:GetObject"), "Principal": named}
        assert decided(principal=role, policies={"resource": document(statement)}) != "Allowed", session


@pytest.mark.parametrize("member", ["resource", "trust"])
@pytest.mark.parametrize(
    "provider",
    ["arn:aws:iam::111122223333:oidc-provider/oidc.example.com/id/A", "arn:aws:iam::111122223333:saml-provider/P",
     "accounts.google.com"],
)  # fmt: skip
def test_trust_policies(provider, member):
    role = {"arn": "arn:aws:iam::111122223333:role/app"}
    action = "sts:AssumeRoleWithSAML" if "saml" in provider else "sts:AssumeRoleWithWebIdentity"
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": action,
        "Condition": {"StringEquals": {"oidc.example.com/id/A:aud": "sts.amazonaws.com"}},
    }
    ask = {"principal": provider, "action": action, "resource": role, "policies": {member: document(trust)}}
    assert decided(context={"oidc.example.com/id/A:aud": ["sts.amazonaws.com"]}, **ask) == "Allowed"
    assert decided(context={"OIDC.example.com/id/A:AUD": "sts.amazonaws.com"}, **ask) == "Allowed"
    (answer,) = evaluate(case(**ask))
    assert (answer["decision"], answer["layer"]) == ("ImplicitlyDenied", member)


def test_a_trust_policy_must_name_callers_of_its_own_account_too():
    role = {"arn": "arn:aws:iam::111122223333:role/app"}
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policies = {"identity": [document(allow())], "resource": document(trust)}
    assert decided(action="sts:AssumeRole", resource=role, policies=policies) == "ImplicitlyDenied"
    policies["resource"] = document({**trust, "Principal": {"AWS": "111122223333"}})
    assert decided(action="sts:AssumeRole", resource=role, policies=policies) == "Allowed"


def test_accounts_of_resources():
    policies = {"identity": [document(allow())]}
    queue = "arn:aws:sqs:eu-central-1:{}:q"
    for resource, decision in [
        ("arn:aws:s3:::b/k", "Allowed"),
        ({"arn": "arn:aws:s3:::b/k"}, "Allowed"),
        ({"arn": "arn:aws:s3:::b/k", "account": None}, "Allowed"),
        ({"arn": "arn:aws:s3:::b/k", "account": "444455556666"}, "ImplicitlyDenied"),
        (queue.format("111122223333"), "Allowed"),
        (queue.format("444455556666"), "ImplicitlyDenied"),
        ({"arn": queue.format("444455556666"), "account": "111122223333"}, "Allowed"),
        ("*", "Allowed"),
    ]:
        assert decided(resource=resource, policies=policies) == decision, resource


def test_documents_may_be_strings_and_lists_may_be_single():
    one, text = document(allow()), json.dumps(document(allow()), indent=2)
    for identity in [[one], one, text, [text], [document(allow("sqs:*")), text]]:
        assert decided(policies={"identity": identity}) == "Allowed"
    for scp in [[[one]], [[text]], [one], [[one], [one, document(allow("sqs:*"))]]]:
        assert decided(policies={"identity": one, "scp": scp}) == "Allowed"
    absent = {"session": None, "boundary": [], "scp": [], "rcp": None, "resource": None, "endpoint": []}
    assert decided(policies={"identity": [one], **absent}) == "Allowed"
    for older in ["2008-10-17", None]:
        given = document(allow(), version=older) if older else {"Statement": [allow()]}
        assert decided(policies={"identity": [given], "boundary": [given], "session": given}) == "Allowed"


def test_layers_limit():
    full, other = document(allow()), document(allow("sqs:*"))
    everyone = {**allow(), "Principal": "*"}
    rcp_deny = {**deny("s3:*"), "Principal": "*"}
    for policies, decision, layer in [
        ({"boundary": [other]}, "ImplicitlyDenied", "boundary"),
        ({"boundary": [other, full]}, "Allowed", "identity"),
        ({"boundary": [full, document(deny("s3:*"))]}, "ExplicitlyDenied", "boundary"),
        ({"session": other}, "ImplicitlyDenied", "session"),
        ({"scp": [[full], [other]]}, "ImplicitlyDenied", "scp"),
        ({"scp": [[full], []]}, "ImplicitlyDenied", "scp"),
        ({"rcp": [[document(everyone)], [document(everyone), document(rcp_deny)]]}, "ExplicitlyDenied", "rcp"),
        ({"rcp": [[document(everyone)]]}, "Allowed", "identity"),
        ({"endpoint": [document({**everyone, "Action": "sqs:*"})]}, "ImplicitlyDenied", "endpoint"),
        ({"endpoint": [document(everyone)]}, "Allowed", "identity"),
    ]:
        (answer,) = evaluate(case(policies={"identity": [full], **policies}))
        assert (answer["decision"], answer["layer"]) == (decision, layer), policies


def test_context_values():
    def holds(operator, key, wanted, context):
        condition = {operator: {key: wanted}}
        return decided(context=context, policies={"identity": [document(allow(Condition=condition))]}) == "Allowed"

    assert holds("NumericEquals", "k:n", "10", {"k:n": 10})
    assert holds("NumericLessThan", "k:n", 10.5, {"k:n": 10.25})
    assert holds("StringEquals", "k:s", "1.50", {"k:s": "1.50"})
    assert holds("Bool", "k:b", "true", {"k:b": True})
    assert holds("DateLessThan", "aws:CurrentTime", "2026-01-01T00:00:00Z", {"aws:CurrentTime": 1700000000})
    assert holds("StringEquals", "k:s", "é\n\"", {"K:S": "é\n\""})
    assert holds("ForAnyValue:StringEquals", "k:l", "b", {"k:l": ["a", "b"]})
    assert holds("ForAllValues:NumericEquals", "k:l", ["1", "2"], {"k:l": [1, 2]})
    assert not holds("StringEquals", "k:l", "a", {"k:l": ["a", "b"]})
    assert holds("Null", "k:s", "true", {"k:s": None})
    assert holds("Null", "k:s", "true", {"k:s": []})
    assert holds("Null", "k:s", "true", {})


def test_numbers_keep_their_text():
    line = json.dumps(case(policies={"identity": [document(allow(Condition={"StringEquals": {"k:n": "1.50"}}))]}))
    (answer,) = lines("eval", line.replace('"context": {}', '"context": {"k:n": 1.50}'))
    assert answer["decision"] == "Allowed"


def test_repeated_policies_are_read_once_and_never_mistaken():
    first, second = document(allow("s3:GetObject")), document(allow("s3:PutObject"))
    spaced = json.dumps(case(policies={"identity": [first]}))
    dense = json.dumps(case(policies={"identity": [first]}), separators=(",", ":"))
    other = json.dumps(case(policies={"identity": [second]}))
    twice = spaced[:-1] + ', "policies": {"identity": [%s]}}' % json.dumps(first)
    broken = spaced.replace('"action": ', '"action" ')
    moved = json.dumps({"policies": {"identity": [first]}, **case(policies={"identity": [first]})})
    data = [spaced, spaced, dense, dense, other, spaced, twice, spaced, broken, spaced, moved]
    answers = lines("eval", "\n".join(data))
    found = [answer.get("decision") or answer["error"]["code"] for answer in answers]
    allowed, denied = "Allowed", "ImplicitlyDenied"
    assert found == [allowed] * 4 + [denied, allowed, "IRSA-B002", allowed, "IRSA-B001", allowed, allowed]


def test_single_cases(tmp_path):
    allowed = json.dumps(case(policies={"identity": [document(allow(Sid="All"))]}), indent=2)
    path = tmp_path / "case.json"
    path.write_text(allowed)
    assert irsa("eval", str(path)).stdout.decode().startswith("ALLOW   s3:GetObject on arn:aws:s3:::b/k\n")
    denied = irsa("eval", stdin=json.dumps(case()), code=1).stdout.decode()
    assert denied.startswith("DENY ") and "because no identity-based policy allows" in denied
    answer = json.loads(irsa("eval", "-o", "json", "--explain", "-", stdin=allowed).stdout)
    assert answer["decision"] == "Allowed" and answer["explain"]["layers"]
    assert irsa("eval", "-o", "yaml", str(path)).stdout.decode().startswith("id: 1\ndecision: Allowed\n")
    assert b"IRSA-B001" in irsa("eval", stdin="{", code=3).stderr
    assert b"IRSA-B006" in irsa("eval", str(tmp_path / "none"), code=3).stderr
    steering = case(action="s3:Get\x1b[31mObject")
    assert b"\x1b" not in irsa("eval", stdin=json.dumps(steering), code=1).stdout


def test_validation():
    good = document(allow("s3:GetObject", "arn:aws:s3:::b/*"))
    texts = [
        ("identity", json.dumps(good), None),
        ("boundary", json.dumps(good), None),
        ("session", json.dumps({"Statement": [allow("s3:GetObject", "arn:aws:s3:::b/*")]}), None),
        ("scp", json.dumps(good), None),
        ("identity", "{", "Syntax errors in policy."),
        ("identity", json.dumps({"Statement": [allow()]}), "Policy document must be version 2012-10-17 or greater."),
        ("identity", json.dumps(good)[:-1] + ', "Version": "2012-10-17"}', "Syntax errors in policy."),
        ("identity", "// no\n" + json.dumps(good), "Syntax errors in policy."),
        ("trust", json.dumps(good), "Has prohibited field Resource"),
        ("trust", "", "This policy contains invalid Json"),
        ("resource", "{", "Policies must be valid JSON and the first byte must be '{'"),
        ("resource", json.dumps(good), "Missing required field Principal"),
        ("rcp", json.dumps(document({**allow("s3:*"), "Principal": "*"})),
         "The provided policy document does not meet the requirements of the specified policy type."),
    ]  # fmt: skip
    data = [json.dumps({"id": number, "type": kind, "document": text}) for number, (kind, text, _) in enumerate(texts)]
    answers = lines("validate", "\n".join(data))
    for number, ((kind, text, message), answer) in enumerate(zip(texts, answers, strict=True)):
        assert set(answer) == {"id", "valid", "message", "findings"} and answer["id"] == number
        assert (answer["valid"], answer["message"]) == (message is None, message), (kind, text)
        errors = [finding for finding in answer["findings"] if finding["severity"] == "error"]
        assert bool(errors) == (message is not None), (kind, text, answer)
        for finding in answer["findings"]:
            assert set(finding) == {"code", "severity", "line", "column", "reason"}
            assert re.fullmatch(r"IRSA-[A-Z]\d{3}", finding["code"]) and finding["line"] >= 1 and finding["column"] >= 1


def test_validation_refuses_what_is_no_document():
    data = ['{"id": 1, "type": "x", "document": "{}"}', '{"id": 2, "type": "trust"}', '{"id": 3, "type": "trust", "document": 1}', "{"]
    answers = lines("validate", "\n".join(data))
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [
        (1, "IRSA-B002"), (2, "IRSA-B002"), (3, "IRSA-B002"), (None, "IRSA-B001"),
    ]  # fmt: skip


def test_validation_of_files(tmp_path):
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(document(allow("s3:GetObject", "arn:aws:s3:::b/*"))))
    bad.write_text(json.dumps({"Version": "2012-10-17", "Statement": [{**allow(), "Effect": "allow"}]}))
    assert b"valid" in irsa("validate", str(good)).stdout
    report = irsa("validate", "--type", "identity", str(good), str(bad), code=1).stdout.decode()
    assert "The policy failed legacy parsing" in report and f"{bad}:1:" in report
    items = json.loads(irsa("validate", "-o", "json", str(good)).stdout)["items"]
    assert items[0]["valid"] is True
    assert b"IRSA-B006" in irsa("validate", str(tmp_path / "none"), code=3).stderr


def test_schemas_are_printed():
    names = irsa("schema").stdout.decode().split()
    assert sorted(names) == sorted(path.stem for path in (ROOT / "docs" / "schemas").glob("policy-*.json"))
    for name in names:
        assert json.loads(irsa("schema", name).stdout) == json.loads((ROOT / "docs" / "schemas" / f"{name}.json").read_text())
    assert b"IRSA-B005" in irsa("schema", "none", code=1).stderr


def test_the_page_tells_what_happens():
    page = pathlib.Path(ROOT / "docs" / "policy-batch.md").read_text()
    examples = re.findall(r"<!-- run: (\w+) -->\n```json\n(.*?)```\n\n```json\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 3
    for command, given, expected in examples:
        assert irsa(command, "--batch", stdin=given).stdout.decode() == expected


def test_roles_and_keys_need_a_policy_of_their_own():
    mine = {"identity": [document(allow())]}
    role, key = "arn:aws:iam::111122223333:role/app", "arn:aws:kms:eu-west-1:111122223333:key/1"
    assume, decrypt = dict(action="sts:AssumeRole", resource=role), dict(action="kms:Decrypt", resource=key)
    to_me = {"Principal": {"AWS": ANN}}
    assert decided(**assume, policies=mine) == "ImplicitlyDenied"
    assert decided(**decrypt, policies=mine) == "ImplicitlyDenied"
    trust = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", **to_me}}
    assert decided(**assume, policies={**mine, "resource": trust}) == "Allowed"
    assert decided(**decrypt, policies={**mine, "resource": document(allow(**to_me))}) == "Allowed"
