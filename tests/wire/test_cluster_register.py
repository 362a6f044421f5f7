"""`irsa cluster`: clusters that others run, with their keys, and who profits from them."""

import base64
import json

import pytest
from botocore.exceptions import ClientError
from conftest import FIRST, REGION, SECOND, needs
from issuer import Issuer
from test_exec_context import Stub, status

ISSUER = "https://kubernetes.default.svc.cluster.local"
SUBJECT = "system:serviceaccount:dev:s3-app"


@pytest.fixture
def issuer(tmp_path):
    """Signs as a cluster does whose issuer nobody reaches: kind's and k3s's."""
    issuer = Issuer(tmp_path)
    issuer.stop()
    issuer.url, issuer.name = ISSUER, ISSUER.removeprefix("https://")
    return issuer


@pytest.fixture
def jwks(issuer, tmp_path):
    """A factory of the file of the keys that the issuer has now."""

    def write():
        path = tmp_path / "jwks.json"
        path.write_text(json.dumps(issuer.jwks()))
        return str(path)

    return write


@pytest.fixture
def irsa(fresh_server):
    server = fresh_server()

    def run(*arguments, **options):
        return server.run("irsa", "cluster", *arguments, **options)

    run.server = server
    return run


def make_role(server, account=FIRST, with_provider=True):
    iam = server.client("iam", account=account)
    name = ISSUER.removeprefix("https://")
    if with_provider:
        iam.create_open_id_connect_provider(Url=ISSUER, ClientIDList=["sts.amazonaws.com"])
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{name}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{name}:sub": SUBJECT, f"{name}:aud": "sts.amazonaws.com"}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return iam.create_role(RoleName="s3-app", AssumeRolePolicyDocument=document)["Role"]["Arn"]


def exchange(server, role, token):
    sts = server.client("sts", key=("x", "y"))
    return sts.assume_role_with_web_identity(RoleArn=role, RoleSessionName="test", WebIdentityToken=token)


def refused(server, role, token):
    with pytest.raises(ClientError) as raised:
        exchange(server, role, token)
    return raised.value.response["Error"]["Code"]


def test_tokens_are_verified_by_the_keys_that_were_given(irsa, issuer, jwks):
    server = irsa.server
    register = ["register", "edge", "--issuer", ISSUER, "--jwks", jwks()]
    planned = irsa(*register)
    assert "would be registered" in planned.stdout and "nothing was done: add --approve" in planned.stderr
    assert f"aws iam create-open-id-connect-provider --url {ISSUER} --client-id-list sts.amazonaws.com" in planned.stderr
    eks = server.client("eks")
    with pytest.raises(eks.exceptions.ResourceNotFoundException):
        eks.describe_cluster(name="edge")
    role = make_role(server)
    assert refused(server, role, issuer.token()) == "InvalidIdentityToken"

    done = json.loads(irsa(*register, "--approve", "-o", "json").stdout)
    assert (done["done"], done["keys"], done["issuer"]) == (True, ["first"], ISSUER)
    assert done["arn"] == f"arn:aws:eks:{REGION}:{FIRST}:cluster/edge"
    assumed = exchange(server, role, issuer.token())
    assert assumed["SubjectFromWebIdentityToken"] == SUBJECT
    key = [assumed["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    assert server.client("sts", key=key).get_caller_identity()["Arn"].endswith(":assumed-role/s3-app/test")
    # The keys are kept, not the word of whoever signs: another key of the same kid verifies nothing.
    forger = Issuer.__new__(Issuer)
    forger.keys, forger.url = {}, ISSUER
    forger.add_key("first")
    assert refused(server, role, forger.token()) == "InvalidIdentityToken"


def test_keys_are_replaced_by_registering_again(irsa, issuer, jwks):
    server = irsa.server
    register = ["register", "edge", "--issuer", ISSUER, "--approve", "--jwks"]
    irsa(*register, jwks(), "--with-provider")
    role = make_role(server, with_provider=False)
    old = issuer.token()
    issuer.add_ec_key("second")
    new = issuer.token(kid="second")
    assert refused(server, role, new) == "InvalidIdentityToken"
    irsa(*register, jwks())
    exchange(server, role, old), exchange(server, role, new)
    del issuer.keys["first"]
    again = irsa(*register, jwks(), "--with-provider")
    assert "is there already" in again.stdout
    exchange(server, role, new)
    assert refused(server, role, old) == "InvalidIdentityToken"


def test_another_account_gains_nothing(irsa, issuer, jwks, tmp_path):
    """Whoever registers keys in one account could otherwise be any ServiceAccount of another's cluster."""
    server = irsa.server
    victim = make_role(server, account=SECOND)
    irsa("register", "edge", "--issuer", ISSUER, "--jwks", jwks(), "--approve")
    attacker = make_role(server)
    exchange(server, attacker, issuer.token())
    assert refused(server, victim, issuer.token()) == "InvalidIdentityToken"
    # The other account's own registration of the same issuer is its own, before and after the first one's goes.
    other = Issuer.__new__(Issuer)
    other.keys, other.url = {}, ISSUER
    other.add_key("first")
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other.jwks()))
    irsa("register", "edge", "--issuer", ISSUER, "--jwks", str(path), "--account", SECOND, "--approve")
    exchange(server, victim, other.token())
    exchange(server, attacker, issuer.token())
    assert refused(server, victim, issuer.token()) == refused(server, attacker, other.token()) == "InvalidIdentityToken"
    irsa("deregister", "edge", "--approve")
    assert refused(server, attacker, issuer.token()) == refused(server, attacker, other.token()) == "InvalidIdentityToken"
    exchange(server, victim, other.token())


def test_a_hosted_clusters_issuer_is_nobodys_to_register(irsa, jwks):
    eks = irsa.server.client("eks", account=SECOND)
    vpc = {"subnetIds": ["subnet-1"]}
    made = eks.create_cluster(name="dev", roleArn=f"arn:aws:iam::{SECOND}:role/eks", resourcesVpcConfig=vpc)
    hosted = made["cluster"]["identity"]["oidc"]["issuer"]
    done = irsa("register", "edge", "--issuer", hosted, "--jwks", jwks(), "--approve", check=False)
    assert done.returncode == 1 and "IRSA-X037" in done.stderr and "hosted here" in done.stderr


def test_deregistered_clusters_are_refused(irsa, issuer, jwks):
    server = irsa.server
    irsa("register", "edge", "--issuer", ISSUER, "--jwks", jwks(), "--approve")
    role = make_role(server)
    exchange(server, role, issuer.token())
    assert "would be deregistered" in irsa("deregister", "edge").stdout
    exchange(server, role, issuer.token())
    assert "deregistered: edge" in irsa("deregister", "edge", "--approve").stdout
    assert refused(server, role, issuer.token()) == "InvalidIdentityToken"
    gone = irsa("deregister", "edge", "--approve", check=False)
    assert gone.returncode == 1 and "IRSA-X038" in gone.stderr


def test_registrations_outlive_the_server(fresh_server, issuer, jwks):
    first = fresh_server(ephemeral=False)
    first.run("irsa", "cluster", "register", "edge", "--issuer", ISSUER, "--jwks", jwks(), "--approve")
    role = make_role(first)
    first.stop()
    again = fresh_server(ephemeral=False, data=first.data)
    exchange(again, role, issuer.token())


def test_without_keys_the_issuer_is_asked(fresh_server, tmp_path):
    issuer = Issuer(tmp_path)
    server = fresh_server("--issuer-ca", issuer.ca, "--issuer-allow", "127.0.0.0/8")
    try:
        done = server.run("irsa", "cluster", "register", "far", "--issuer", issuer.url, "--with-provider", "--approve")
        assert "fetched from the issuer" in done.stdout
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{FIRST}:oidc-provider/{issuer.name}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        role = server.client("iam").create_role(RoleName="far", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        exchange(server, role, issuer.token())
        assert issuer.requests, "its keys were fetched"
    finally:
        issuer.stop()


def test_who_may_register_is_for_policies_to_say(irsa):
    """`aws eks` has the operation too; it is denied by default, and does not say what is missing before that."""
    server = irsa.server
    iam = server.client("iam")
    iam.create_user(UserName="visitor")
    made = iam.create_access_key(UserName="visitor")["AccessKey"]
    visitor = server.client("eks", key=(made["AccessKeyId"], made["SecretAccessKey"]))
    connector = {"roleArn": f"arn:aws:iam::{FIRST}:role/connector", "provider": "OTHER"}

    def error(client, operation, **arguments):
        with pytest.raises(ClientError) as raised:
            getattr(client, operation)(**arguments)
        return raised.value.response["Error"]

    denied = error(visitor, "register_cluster", name="edge", connectorConfig=connector)
    assert denied["Code"] == "AccessDeniedException" and "eks:RegisterCluster" in denied["Message"]
    assert error(visitor, "deregister_cluster", name="edge")["Code"] == "AccessDeniedException"
    administrator = server.client("eks")
    incomplete = error(administrator, "register_cluster", name="edge", connectorConfig=connector)
    assert incomplete["Code"] == "InvalidParameterException" and "irsa cluster register" in incomplete["Message"]
    irsa("register", "edge", "--issuer", ISSUER, "--approve")
    assert administrator.deregister_cluster(name="edge")["cluster"]["name"] == "edge"


@pytest.fixture
def cluster(issuer, tmp_path):
    """An API server that publishes the issuer's documents."""
    folder = tmp_path / "cluster"
    folder.mkdir()
    stub = Stub(folder)
    stub.answers["GET", "/.well-known/openid-configuration"] = (200, {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/openid/v1/jwks"})
    stub.answers["GET", "/openid/v1/jwks"] = (200, issuer.jwks())
    yield stub
    stub.stop()


def test_a_cluster_is_read_by_its_kubeconfig(irsa, cluster, issuer):
    kubeconfig = ["--from-kubeconfig", "--kubeconfig", str(cluster.kubeconfig())]
    done = irsa("register", "kind", *kubeconfig, "--with-provider", "--approve")
    assert "the current context is `stub`" in done.stderr and f"issuer    {ISSUER}" in done.stdout
    exchange(irsa.server, make_role(irsa.server, with_provider=False), issuer.token())
    described = irsa.server.client("eks").describe_cluster(name="kind")["cluster"]
    assert described["status"] == "ACTIVE" and described["endpoint"] == f"https://localhost:{cluster.port}"
    assert base64.b64decode(described["certificateAuthority"]["data"]) == (cluster.folder / "issuer-ca.pem").read_bytes()
    assert described["identity"]["oidc"]["issuer"] == ISSUER and described["connectorConfig"]["provider"] == "OTHER"

    other = irsa("register", "kind", *kubeconfig, "--issuer", "https://other.example", check=False)
    assert other.returncode == 1 and "IRSA-X036" in other.stderr and ISSUER in other.stderr
    cluster.answers["GET", "/.well-known/openid-configuration"] = (403, status(403, "Forbidden", "no"))
    forbidden = irsa("register", "kind", *kubeconfig, check=False)
    assert forbidden.returncode == 1 and "IRSA-X029" in forbidden.stderr
    del cluster.answers["GET", "/.well-known/openid-configuration"]
    none = irsa("register", "kind", *kubeconfig, check=False)
    assert none.returncode == 1 and "publishes no issuer" in none.stderr


@needs("aws")
def test_update_kubeconfig_leads_to_the_cluster_or_nowhere(irsa, cluster, tmp_path):
    server = irsa.server
    kubeconfig = tmp_path / "made.kubeconfig"
    update = ["aws", "eks", "update-kubeconfig", "--kubeconfig", str(kubeconfig), "--name"]
    irsa("register", "unreached", "--issuer", "https://issuer.example", "--approve")
    refused = server.run(*update, "unreached", check=False)
    assert refused.returncode != 0 and "Cluster status is PENDING" in refused.stderr and not kubeconfig.exists()
    irsa("register", "kind", "--from-kubeconfig", "--kubeconfig", str(cluster.kubeconfig()), "--approve")
    server.run(*update, "kind")
    assert f"server: https://localhost:{cluster.port}" in kubeconfig.read_text()
    listed = irsa("list").stdout.splitlines()
    assert [line.split() for line in listed] == [
        ["NAME", "KIND", "STATUS", "ISSUER"],
        ["kind", "registered", "ACTIVE", ISSUER],
        ["unreached", "registered", "PENDING", "https://issuer.example"],
    ]
    names = server.run("aws", "eks", "list-clusters", "--include", "all", "--query", "clusters", "--output", "json").stdout
    assert json.loads(names) == ["kind", "unreached"]
    hosted = server.run("irsa", "exec", "--cluster", "kind", "--", "true", check=False)
    assert hosted.returncode == 2 and "IRSA-X020" in hosted.stderr and "--context" in hosted.stderr
    assert not [path for _, path, _ in cluster.requests if "serviceaccounts" in path], "our token went to nobody"


@pytest.mark.parametrize(
    "arguments, code, part",
    [
        (["edge", "--issuer", "http://a"], "IRSA-X036", "can be no issuer"),
        (["edge", "--issuer", "https://a", "--jwks", "/nope"], "IRSA-X036", "/nope cannot be used"),
        (["edge", "--issuer", "https://a", "--jwks", "/etc/passwd"], "IRSA-X036", "neither a PEM public key"),
        (["edge", "--issuer", "https://a", "--context", "c"], "IRSA-X036", "--context names a cluster that is not asked"),
        (["a/b", "--issuer", "https://a"], "IRSA-X038", "is not the name of a cluster"),
        (["edge"], "--issuer", "--issuer <URL>"),
        (["edge", "--from-kubeconfig", "--jwks", "a"], "cannot be used with", "--jwks"),
        (["edge", "--from-kubeconfig", "--kubeconfig", "/nope"], "IRSA-X028", "/nope"),
    ],
)
def test_what_is_wrong_is_named(irsa, arguments, code, part):
    done = irsa("register", *arguments, check=False)
    assert done.returncode == 2 and code in done.stderr and part in done.stderr, done.stderr
