"""S3 through boto3 and the aws CLI."""

import pytest
from botocore.exceptions import ClientError

from conftest import FIRST, REGION, SECOND


def make_bucket(client, name, region=REGION):
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    return name


def refused(call, **arguments):
    """The error of a call that must not succeed: code, status and the whole answer."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response


@pytest.fixture(scope="module")
def s3(server):
    return server.client("s3")


@pytest.fixture(scope="module")
def other(server):
    """The administrator of another account."""
    return server.client("s3", account=SECOND)


@pytest.fixture(scope="module")
def bucket(s3):
    return make_bucket(s3, "wire-bucket")


def test_an_object_is_put_listed_read_and_deleted(s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="first", Body=b"hello", ContentType="text/plain", Metadata={"who": "me"})
    assert put["ETag"] == '"5d41402abc4b2a76b9719d911017c592"'
    got = s3.get_object(Bucket=bucket, Key="first")
    assert got["Body"].read() == b"hello"
    assert (got["ContentType"], got["Metadata"], got["ContentLength"]) == ("text/plain", {"who": "me"}, 5)
    listed = s3.list_objects_v2(Bucket=bucket)
    assert [(entry["Key"], entry["Size"]) for entry in listed["Contents"]] == [("first", 5)]
    assert s3.delete_object(Bucket=bucket, Key="first")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(s3.get_object, Bucket=bucket, Key="first")[:2] == ("NoSuchKey", 404)
    s3.delete_object(Bucket=bucket, Key="first")


def test_buckets_have_one_owner(s3, other):
    make_bucket(s3, "taken")
    location = {"LocationConstraint": REGION}
    code = refused(s3.create_bucket, Bucket="taken", CreateBucketConfiguration=location)[:2]
    assert code == ("BucketAlreadyOwnedByYou", 409)
    code = refused(other.create_bucket, Bucket="taken", CreateBucketConfiguration=location)[:2]
    assert code == ("BucketAlreadyExists", 409)
    assert "taken" in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    assert "taken" not in [entry["Name"] for entry in other.list_buckets().get("Buckets", [])]
    s3.head_bucket(Bucket="taken")
    assert refused(other.head_bucket, Bucket="taken")[:2] == ("403", 403)
    s3.delete_bucket(Bucket="taken")
    assert refused(s3.head_bucket, Bucket="taken")[:2] == ("404", 404)
    assert refused(s3.list_objects_v2, Bucket="taken")[:2] == ("NoSuchBucket", 404)


def test_another_accounts_objects_are_denied_without_a_bucket_policy(s3, other, bucket):
    s3.put_object(Bucket=bucket, Key="mine", Body=b"mine")
    code, status, response = refused(other.get_object, Bucket=bucket, Key="mine")
    assert (code, status) == ("AccessDenied", 403)
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-irsa-authorization-id"] in response["Error"]["Message"]
    s3.delete_object(Bucket=bucket, Key="mine")
