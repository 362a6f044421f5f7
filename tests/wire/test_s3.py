"""S3 through boto3 and the aws CLI."""

import base64
import concurrent.futures
import datetime
import hashlib
import hmac
import io
import json
import os
import re
import signal
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

import boto3
import pytest
from botocore import UNSIGNED, xform_name
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from conftest import FIRST, REGION, ROOT, SECOND


def make_bucket(client, name, region=REGION):
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    return name


def refused(call, **arguments):
    """The error of a call that must not succeed: code, status and the whole answer."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response


def http(method, url, body=None, headers=None):
    """A request as it is given, without an SDK: status, headers, body."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


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


def test_create_bucket_knows_regions_and_names(server, s3):
    first = server.client("s3", region="us-east-1")
    first.create_bucket(Bucket="plain-first")
    first.create_bucket(Bucket="plain-first")  # AWS: idempotent in us-east-1
    assert first.get_bucket_location(Bucket="plain-first")["LocationConstraint"] is None
    first.create_bucket(Bucket="far-away", CreateBucketConfiguration={"LocationConstraint": "ap-south-1"})
    assert s3.get_bucket_location(Bucket="far-away")["LocationConstraint"] == "ap-south-1"
    assert refused(s3.create_bucket, Bucket="no-region")[0] == "IllegalLocationConstraintException"
    elsewhere = {"LocationConstraint": "eu-west-3"}
    code = refused(s3.create_bucket, Bucket="no-region", CreateBucketConfiguration=elsewhere)[0]
    assert code == "IllegalLocationConstraintException"
    assert refused(first.create_bucket, Bucket="-bad-")[0] == "InvalidBucketName"
    for name in ("plain-first", "far-away"):
        region = first.get_bucket_location(Bucket=name)["LocationConstraint"] or "us-east-1"
        server.client("s3", region=region).delete_bucket(Bucket=name)


def test_sdks_follow_the_buckets_region(server, bucket):
    headers = signed_request(server, "GET", f"/{bucket}", region="us-west-2")
    status, headers, body = http("GET", f"{server.endpoint}/{bucket}", None, headers)
    assert (status, headers["x-amz-bucket-region"]) == (400, REGION)
    assert b"<Code>AuthorizationHeaderMalformed</Code>" in body and f"<Region>{REGION}</Region>".encode() in body
    far = server.client("s3", region="us-west-2")
    far.list_objects_v2(Bucket=bucket)
    assert far.get_bucket_location(Bucket=bucket)["LocationConstraint"] == REGION


def test_a_bucket_with_objects_stays(s3):
    make_bucket(s3, "full")
    s3.put_object(Bucket="full", Key="k", Body=b"")
    assert refused(s3.delete_bucket, Bucket="full")[:2] == ("BucketNotEmpty", 409)
    s3.delete_object(Bucket="full", Key="k")
    s3.delete_bucket(Bucket="full")


ODD_KEYS = [
    "a//b", "dir/", "with space", "plus+plus", "100%", "%41", "ümläut/日本語", "emoji-🦀", "a=b&c=d", "question?mark",
    "#hash", "semi;colon", "quote\"'", "back\\slash", "tilde~", "star*", "a/./b", "a/../b", "[x]", "<xml>&amp;", " lead", "\x7f",
]


def test_odd_keys_come_back_as_they_were(s3):
    make_bucket(s3, "odd-keys")
    for key in ODD_KEYS:
        s3.put_object(Bucket="odd-keys", Key=key, Body=key.encode())
    for key in ODD_KEYS:
        assert s3.get_object(Bucket="odd-keys", Key=key)["Body"].read() == key.encode(), key
        assert s3.head_object(Bucket="odd-keys", Key=key)["ContentLength"] == len(key.encode()), key
    listed = [entry["Key"] for entry in s3.list_objects_v2(Bucket="odd-keys")["Contents"]]
    assert listed == sorted(ODD_KEYS, key=lambda key: key.encode())
    assert [entry["Key"] for entry in s3.list_objects(Bucket="odd-keys")["Contents"]] == listed
    deleted = s3.delete_objects(Bucket="odd-keys", Delete={"Objects": [{"Key": key} for key in ODD_KEYS]})
    assert sorted(entry["Key"] for entry in deleted["Deleted"]) == sorted(ODD_KEYS)
    s3.delete_bucket(Bucket="odd-keys")


def test_everything_said_of_an_object_is_remembered(s3, bucket):
    said = {
        "ContentType": "text/css", "ContentEncoding": "gzip", "ContentLanguage": "de", "ContentDisposition": "inline",
        "CacheControl": "no-cache", "WebsiteRedirectLocation": "/there", "StorageClass": "STANDARD_IA",
    }
    s3.put_object(Bucket=bucket, Key="said", Body=b"x" * 100, Metadata={"a": "1", "b": "zwei"}, Tagging="k=v&x=y%20z", **said)
    for response in (s3.head_object(Bucket=bucket, Key="said"), s3.get_object(Bucket=bucket, Key="said")):
        assert {name: response[name] for name in said} == said
        assert response["Metadata"] == {"a": "1", "b": "zwei"}
        assert response["ServerSideEncryption"] == "AES256"
    assert s3.get_object(Bucket=bucket, Key="said")["TagCount"] == 2
    tags = s3.get_object_tagging(Bucket=bucket, Key="said")["TagSet"]
    assert tags == [{"Key": "k", "Value": "v"}, {"Key": "x", "Value": "y z"}]
    s3.put_object_tagging(Bucket=bucket, Key="said", Tagging={"TagSet": [{"Key": "new", "Value": "tag"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="said")["TagSet"] == [{"Key": "new", "Value": "tag"}]
    s3.delete_object_tagging(Bucket=bucket, Key="said")
    assert s3.get_object_tagging(Bucket=bucket, Key="said")["TagSet"] == []
    assert s3.get_object(Bucket=bucket, Key="said")["Body"].read() == b"x" * 100
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="said", ObjectAttributes=["ETag", "Checksum", "ObjectSize", "StorageClass"]
    )
    assert (attributes["ObjectSize"], attributes["StorageClass"]) == (100, "STANDARD_IA")
    assert "ChecksumCRC32" in attributes["Checksum"]
    assert s3.get_object_acl(Bucket=bucket, Key="said")["Grants"][0]["Permission"] == "FULL_CONTROL"
    s3.delete_object(Bucket=bucket, Key="said")


@pytest.mark.parametrize("size", [0, 1, 1000, 16 * 1024, 16 * 1024 + 1, 3_000_000, 12_000_000])
def test_ranges_of_every_kind_of_object(s3, bucket, size):
    body = bytes(i * 31 % 251 for i in range(min(size, 4096))) * (size // 4096 + 1)
    body = body[:size]
    s3.put_object(Bucket=bucket, Key="ranged", Body=body)
    assert s3.get_object(Bucket=bucket, Key="ranged")["Body"].read() == body
    if size == 0:
        assert refused(s3.get_object, Bucket=bucket, Key="ranged", Range="bytes=0-0")[:2] == ("InvalidRange", 416)
        return
    for text, expected in [
        ("bytes=0-0", body[:1]), ("bytes=-1", body[-1:]), (f"bytes=0-{size + 100}", body),
        (f"bytes={size // 2}-", body[size // 2:]), (f"bytes={size // 3}-{size // 2}", body[size // 3:size // 2 + 1]),
    ]:
        got = s3.get_object(Bucket=bucket, Key="ranged", Range=text)
        assert got["Body"].read() == expected, text
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert got["ContentRange"].endswith(f"/{size}")
    assert refused(s3.get_object, Bucket=bucket, Key="ranged", Range=f"bytes={size}-")[:2] == ("InvalidRange", 416)
    s3.delete_object(Bucket=bucket, Key="ranged")


def test_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="cond", Body=b"1")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="cond", IfMatch=etag)["Body"].read() == b"1"
    assert refused(s3.get_object, Bucket=bucket, Key="cond", IfMatch='"other"')[:2] == ("PreconditionFailed", 412)
    code, status, response = refused(s3.get_object, Bucket=bucket, Key="cond", IfNoneMatch=etag)
    assert (code, status, response["ResponseMetadata"]["HTTPHeaders"]["etag"]) == ("304", 304, etag)
    modified = s3.head_object(Bucket=bucket, Key="cond")["LastModified"]
    assert refused(s3.head_object, Bucket=bucket, Key="cond", IfModifiedSince=modified)[1] == 304
    s3.head_object(Bucket=bucket, Key="cond", IfUnmodifiedSince=modified)
    assert refused(s3.put_object, Bucket=bucket, Key="cond", Body=b"2", IfNoneMatch="*")[:2] == ("PreconditionFailed", 412)
    assert refused(s3.put_object, Bucket=bucket, Key="cond", Body=b"2", IfMatch='"x"')[:2] == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="cond", Body=b"2", IfMatch=etag)
    s3.put_object(Bucket=bucket, Key="cond-new", Body=b"2", IfNoneMatch="*")
    assert refused(s3.delete_object, Bucket=bucket, Key="cond", IfMatch=etag)[:2] == ("PreconditionFailed", 412)
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "cond"}, {"Key": "cond-new"}], "Quiet": True})


def test_listing_pages_prefixes_and_delimiters(s3):
    make_bucket(s3, "listed")
    keys = [f"dir{d}/sub{s}/file{f}" for d in range(3) for s in range(3) for f in range(3)] + ["root1", "root2", "dir0.x"]
    for key in keys:
        s3.put_object(Bucket="listed", Key=key, Body=b"")
    top = s3.list_objects_v2(Bucket="listed", Delimiter="/")
    assert [entry["Prefix"] for entry in top["CommonPrefixes"]] == ["dir0/", "dir1/", "dir2/"]
    assert [entry["Key"] for entry in top["Contents"]] == ["dir0.x", "root1", "root2"]
    inner = s3.list_objects_v2(Bucket="listed", Prefix="dir1/", Delimiter="/")
    assert [entry["Prefix"] for entry in inner["CommonPrefixes"]] == ["dir1/sub0/", "dir1/sub1/", "dir1/sub2/"]
    for operation in ("list_objects_v2", "list_objects", "list_object_versions"):
        for size in (1, 2, 5):
            seen, names = [], "Versions" if operation == "list_object_versions" else "Contents"
            for page in s3.get_paginator(operation).paginate(
                Bucket="listed", Delimiter="/", PaginationConfig={"PageSize": size}
            ):
                entries = [entry["Key"] for entry in page.get(names, [])]
                entries += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
                assert len(entries) <= size
                seen += entries
            assert sorted(seen) == ["dir0.x", "dir0/", "dir1/", "dir2/", "root1", "root2"], (operation, size)
            assert len(seen) == 6
    after = s3.list_objects_v2(Bucket="listed", StartAfter="dir2/sub2/file1")
    assert [entry["Key"] for entry in after["Contents"]] == ["dir2/sub2/file2", "root1", "root2"]
    assert s3.list_objects_v2(Bucket="listed", MaxKeys=0)["KeyCount"] == 0
    assert refused(s3.list_objects_v2, Bucket="listed", ContinuationToken="%%%")[0] == "InvalidArgument"
    s3.delete_objects(Bucket="listed", Delete={"Objects": [{"Key": key} for key in keys]})
    s3.delete_bucket(Bucket="listed")


def test_copies(server, s3, bucket):
    large = os.urandom(6_000_000)
    s3.put_object(Bucket=bucket, Key="from", Body=b"copy me", Metadata={"m": "1"}, ContentType="text/plain", Tagging="t=1")
    s3.put_object(Bucket=bucket, Key="from large", Body=large)
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"})
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["Body"].read(), got["Metadata"], got["ContentType"], got["TagCount"]) == (b"copy me", {"m": "1"}, "text/plain", 1)
    s3.copy_object(
        Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from"}, MetadataDirective="REPLACE",
        Metadata={"n": "2"}, TaggingDirective="REPLACE", Tagging="a=b&c=d",
    )
    got = s3.get_object(Bucket=bucket, Key="to")
    assert (got["Metadata"], got["TagCount"]) == ({"n": "2"}, 2)
    s3.copy_object(Bucket=bucket, Key="to large", CopySource={"Bucket": bucket, "Key": "from large"})
    # As Go's url.QueryEscape writes it, and terraform with it.
    s3.put_object(Bucket=bucket, Key="a b+c", Body=b"plus")
    escaping = server.client("s3")
    escape = lambda params, **_: params["headers"].update({"x-amz-copy-source": f"{bucket}%2Fa+b%2Bc"})
    escaping.meta.events.register("before-call.s3.CopyObject", escape)
    escaping.copy_object(Bucket=bucket, Key="plus", CopySource={"Bucket": bucket, "Key": "replaced"})
    assert s3.get_object(Bucket=bucket, Key="plus")["Body"].read() == b"plus"
    s3.delete_object(Bucket=bucket, Key="from large")
    assert s3.get_object(Bucket=bucket, Key="to large")["Body"].read() == large
    source = {"Bucket": bucket, "Key": "from"}
    assert refused(s3.copy_object, Bucket=bucket, Key="from", CopySource=source)[0] == "InvalidRequest"
    assert refused(s3.copy_object, Bucket=bucket, Key="x", CopySource={"Bucket": bucket, "Key": "no"})[0] == "NoSuchKey"
    failed = refused(s3.copy_object, Bucket=bucket, Key="x", CopySource=source, CopySourceIfMatch='"x"')
    assert failed[0] == "PreconditionFailed"
    for key in ("from", "to", "to large"):
        s3.delete_object(Bucket=bucket, Key=key)


def test_multipart_uploads(s3, bucket):
    part = os.urandom(5 * 1024 * 1024)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts", Metadata={"m": "p"}, ContentType="text/x")["UploadId"]
    where = {"Bucket": bucket, "Key": "parts", "UploadId": upload}
    first = s3.upload_part(**where, PartNumber=1, Body=part)
    s3.upload_part(**where, PartNumber=2, Body=b"replaced")
    second = s3.upload_part(**where, PartNumber=2, Body=part)
    third = s3.upload_part(**where, PartNumber=5, Body=b"the end")
    s3.upload_part(**where, PartNumber=7, Body=b"never used")
    listed = s3.list_parts(**where, MaxParts=2)
    assert [entry["PartNumber"] for entry in listed["Parts"]] == [1, 2] and listed["IsTruncated"]
    listed = s3.list_parts(**where, PartNumberMarker=listed["NextPartNumberMarker"])
    assert [entry["PartNumber"] for entry in listed["Parts"]] == [5, 7]
    uploads = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [(entry["Key"], entry["UploadId"]) for entry in uploads] == [("parts", upload)]
    assert refused(s3.head_object, Bucket=bucket, Key="parts")[1] == 404

    def complete(*parts):
        named = [{"PartNumber": number, "ETag": made["ETag"]} for number, made in parts]
        return {"MultipartUpload": {"Parts": named}, **where}

    code = refused(s3.complete_multipart_upload, **complete((2, second), (1, first)))[0]
    assert code == "InvalidPartOrder"
    stale = {"ETag": '"0123456789abcdef0123456789abcdef"'}
    assert refused(s3.complete_multipart_upload, **complete((1, stale)))[0] == "InvalidPart"
    assert refused(s3.complete_multipart_upload, **complete((1, first), (3, third)))[0] == "InvalidPart"
    assert refused(s3.complete_multipart_upload, **complete((1, first), (5, third), (7, third)))[0] == "InvalidPart"
    done = s3.complete_multipart_upload(**complete((1, first), (2, second), (5, third)))
    hashes = b"".join(hashlib.md5(data).digest() for data in (part, part, b"the end"))
    assert done["ETag"] == f'"{hashlib.md5(hashes).hexdigest()}-3"'
    got = s3.get_object(Bucket=bucket, Key="parts")
    assert got["Body"].read() == part + part + b"the end"
    assert (got["Metadata"], got["ContentType"]) == ({"m": "p"}, "text/x")
    assert s3.get_object(Bucket=bucket, Key="parts", PartNumber=5)["Body"].read() == b"the end"
    head = s3.head_object(Bucket=bucket, Key="parts", PartNumber=1)
    assert (head["ContentLength"], head["PartsCount"]) == (len(part), 3)
    edge = 2 * len(part)
    got = s3.get_object(Bucket=bucket, Key="parts", Range=f"bytes={len(part) - 3}-{edge + 2}")
    assert got["Body"].read() == part[-3:] + part + b"the"
    assert refused(s3.complete_multipart_upload, **complete((1, first)))[0] == "NoSuchUpload"
    attributes = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=["ObjectParts", "ObjectSize"])
    assert (attributes["ObjectParts"]["TotalPartsCount"], attributes["ObjectSize"]) == (3, edge + 7)

    upload = s3.create_multipart_upload(Bucket=bucket, Key="small")["UploadId"]
    where = {"Bucket": bucket, "Key": "small", "UploadId": upload}
    small = [(number, s3.upload_part(**where, PartNumber=number, Body=b"small")) for number in (1, 2)]
    assert refused(s3.complete_multipart_upload, **complete(*small))[0] == "EntityTooSmall"
    assert refused(s3.upload_part, **where, PartNumber=10_001, Body=b"")[0] == "InvalidArgument"
    s3.abort_multipart_upload(**where)
    assert refused(s3.upload_part, **where, PartNumber=1, Body=b"")[0] == "NoSuchUpload"
    assert refused(s3.abort_multipart_upload, **where)[:2] == ("NoSuchUpload", 404)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)

    upload = s3.create_multipart_upload(Bucket=bucket, Key="copied")["UploadId"]
    where = {"Bucket": bucket, "Key": "copied", "UploadId": upload}
    source = {"Bucket": bucket, "Key": "parts"}
    copied = [
        (number, s3.upload_part_copy(**where, PartNumber=number, CopySource=source, CopySourceRange=text)["CopyPartResult"])
        for number, text in ((1, f"bytes=0-{len(part) - 1}"), (2, f"bytes={edge}-{edge + 6}"))
    ]
    s3.complete_multipart_upload(**complete(*copied))
    assert s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == part + b"the end"
    s3.copy_object(Bucket=bucket, Key="copied again", CopySource={"Bucket": bucket, "Key": "copied"})
    again = s3.get_object(Bucket=bucket, Key="copied again")
    assert again["Body"].read() == part + b"the end"
    assert again["ETag"] == f'"{hashlib.md5(part + b"the end").hexdigest()}"'
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ("parts", "copied", "copied again")]})


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums_are_verified_kept_and_told(s3, bucket, algorithm):
    if algorithm in ("CRC32C", "CRC64NVME"):
        # boto3 computes these only with awscrt; the check values are those of "123456789" (RFC 3720; NVMe).
        value = {"CRC32C": "4waSgw==", "CRC64NVME": "rosUhgp5mIg="}[algorithm]
        put = s3.put_object(Bucket=bucket, Key="sum", Body=b"123456789", **{f"Checksum{algorithm}": value})
    else:
        put = s3.put_object(Bucket=bucket, Key="sum", Body=b"123456789", ChecksumAlgorithm=algorithm)
        value = put[f"Checksum{algorithm}"]
    assert put[f"Checksum{algorithm}"] == value
    head = s3.head_object(Bucket=bucket, Key="sum", ChecksumMode="ENABLED")
    assert (head[f"Checksum{algorithm}"], head["ChecksumType"]) == (value, "FULL_OBJECT")
    assert f"Checksum{algorithm}" not in s3.head_object(Bucket=bucket, Key="sum")
    wrong = {f"Checksum{algorithm}": value}
    assert refused(s3.put_object, Bucket=bucket, Key="sum", Body=b"other", **wrong)[:2] == ("BadDigest", 400)
    broken = {f"Checksum{algorithm}": "AAAA"}
    assert refused(s3.put_object, Bucket=bucket, Key="sum", Body=b"other", **broken)[:2] == ("InvalidRequest", 400)
    assert s3.get_object(Bucket=bucket, Key="sum")["Body"].read() == b"123456789"
    s3.delete_object(Bucket=bucket, Key="sum")


def test_content_md5_is_verified(s3, bucket):
    right = base64.b64encode(hashlib.md5(b"body").digest()).decode()
    s3.put_object(Bucket=bucket, Key="md5", Body=b"body", ContentMD5=right)
    assert refused(s3.put_object, Bucket=bucket, Key="md5", Body=b"bodies", ContentMD5=right)[0] == "BadDigest"
    assert refused(s3.put_object, Bucket=bucket, Key="md5", Body=b"body", ContentMD5="nonsense")[0] == "InvalidDigest"
    assert s3.get_object(Bucket=bucket, Key="md5")["Body"].read() == b"body"
    s3.delete_object(Bucket=bucket, Key="md5")


def test_trailing_checksums_over_tls(server, bucket):
    over_tls = server.client("s3", tls=True)
    for algorithm in ("CRC32", "SHA256"):
        over_tls.put_object(Bucket=bucket, Key="tls", Body=b"hello" * 10_000, ContentEncoding="gzip", ChecksumAlgorithm=algorithm)
        got = over_tls.get_object(Bucket=bucket, Key="tls", ChecksumMode="ENABLED")
        assert got["Body"].read() == b"hello" * 10_000
        assert (got["ContentEncoding"], f"Checksum{algorithm}" in got) == ("gzip", True)
    over_tls.put_object(Bucket=bucket, Key="tls", Body=io.BytesIO(b"x" * 7_000_000))
    got = over_tls.get_object(Bucket=bucket, Key="tls")
    assert (got["Body"].read(), "ContentEncoding" in got) == (b"x" * 7_000_000, False)
    over_tls.delete_object(Bucket=bucket, Key="tls")


def test_presigned_urls(server, s3, bucket):
    sign = server.client("s3", signature_version="s3v4")
    put = sign.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "pre signed", "ContentType": "text/x"})
    assert http("PUT", put, b"presigned", {"Content-Type": "text/x"})[0] == 200
    get = sign.generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "pre signed", "ResponseContentType": "text/html"}
    )
    status, headers, body = http("GET", get)
    assert (status, body, headers["Content-Type"]) == (200, b"presigned", "text/html")
    assert http("PUT", get, b"x")[0] == 403
    assert http("GET", get.replace("pre%20signed", "other"))[0] == 403
    assert b"SignatureDoesNotMatch" in http("GET", get + "&x-id=PutObject")[2]
    short = sign.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "pre signed"}, ExpiresIn=1)
    time.sleep(2.1)
    status, _, body = http("GET", short)
    assert (status, b"AccessDenied" in body, b"expired" in body) == (403, True, True)
    old = server.client("s3", signature_version="s3").generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": "pre signed"}
    )
    status, _, body = http("GET", old)
    assert status == 400 and b"AWS4-HMAC-SHA256" in body
    s3.delete_object(Bucket=bucket, Key="pre signed")


def signed_request(server, method, path, body=b"", headers=None, service="s3", region=REGION, key=None, sign=True):
    """Signs with botocore and returns what is about to be sent, for tests that change it then."""
    access_key, secret = key or server.key()
    request = AWSRequest(method, server.endpoint + path, data=body, headers=headers or {})
    if sign:
        credentials = Credentials(access_key, secret)
        signer = S3SigV4Auth(credentials, service, region) if service == "s3" else SigV4Auth(credentials, service, region)
        signer.add_auth(request)
    return dict(request.headers.items())


def test_what_was_signed_is_what_is_taken(server, s3, bucket):
    url = f"{server.endpoint}/{bucket}/tamper"

    def send(change=lambda headers: None, body=b"body", **signing):
        headers = signed_request(server, "PUT", f"/{bucket}/tamper", b"body", {"X-Amz-Content-SHA256": hashlib.sha256(b"body").hexdigest()}, **signing)
        change(headers)
        status, _, answer = http("PUT", url, body, headers)
        return status, re.search(rb"<Code>(.*?)</Code>", answer or b"<Code>none</Code>").group(1).decode()

    assert send() == (200, "none")
    s3.delete_object(Bucket=bucket, Key="tamper")
    assert send(body=b"evil") == (400, "XAmzContentSHA256Mismatch")
    assert refused(s3.head_object, Bucket=bucket, Key="tamper")[1] == 404
    signature = re.compile("Signature=.*")
    assert send(lambda headers: headers.update(Authorization=signature.sub("Signature=" + "0" * 64, headers["Authorization"]))) == (403, "SignatureDoesNotMatch")
    assert send(lambda headers: headers.update({"x-amz-acl": "public-read"}))[0] == 403
    assert send(key=("AKIAIOSFODNN7EXAMPLE", "x"))[1] == "InvalidAccessKeyId"
    # The credential of another service is not one for S3.
    status, _, answer = http("GET", server.endpoint + "/", None, signed_request(server, "GET", "/", service="sts"))
    assert b"ListAllMyBucketsResult" not in answer
    assert refused(s3.head_object, Bucket=bucket, Key="tamper")[1] == 404


def chunk_signed(server, path, body, chunk=64 * 1024, tamper=False, trailer=None):
    """A body in signed chunks, as older SDKs send it."""
    access_key, secret = server.key()
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, date = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    headers = {"host": urllib.parse.urlsplit(server.endpoint).netloc, "x-amz-content-sha256": kind, "x-amz-date": stamp}
    headers |= {"x-amz-decoded-content-length": str(len(body)), "content-encoding": "aws-chunked"}
    headers |= {"x-amz-trailer": trailer[0]} if trailer else {}
    names = ";".join(sorted(headers))
    canonical = "\n".join(["PUT", path, "", *[f"{name}:{headers[name]}" for name in sorted(headers)], "", names, kind])
    scope = f"{date}/{REGION}/s3/aws4_request"
    mac = lambda key, text: hmac.new(key, text.encode(), hashlib.sha256).digest()
    key = mac(mac(mac(mac(("AWS4" + secret).encode(), date), REGION), "s3"), "aws4_request")
    digest = lambda data: hashlib.sha256(data).hexdigest()
    signature = mac(key, "\n".join(["AWS4-HMAC-SHA256", stamp, scope, digest(canonical.encode())])).hex()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    out = b""
    for start in [*range(0, len(body), chunk), None]:
        data = b"" if start is None else body[start:start + chunk]
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, signature, digest(b""), digest(data)])
        signature = mac(key, text).hex()
        sent = b"X" + data[1:] if tamper and data else data
        out += f"{len(data):x};chunk-signature={signature}\r\n".encode() + (sent + b"\r\n" if data else b"")
    if trailer:
        text = f"{trailer[0]}:{trailer[1]}\n"
        signature = mac(key, "\n".join(["AWS4-HMAC-SHA256-TRAILER", stamp, scope, signature, digest(text.encode())])).hex()
        out += f"{trailer[0]}:{trailer[1]}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return headers, out + b"\r\n"


def test_signed_chunks(server, s3, bucket):
    body = os.urandom(200_000)
    path = f"/{bucket}/chunked"
    headers, sent = chunk_signed(server, path, body)
    assert http("PUT", server.endpoint + path, sent, headers)[0] == 200
    got = s3.get_object(Bucket=bucket, Key="chunked")
    assert (got["Body"].read(), "ContentEncoding" in got) == (body, False)
    s3.delete_object(Bucket=bucket, Key="chunked")
    headers, sent = chunk_signed(server, path, body, tamper=True)
    status, _, answer = http("PUT", server.endpoint + path, sent, headers)
    assert (status, b"SignatureDoesNotMatch" in answer) == (403, True)
    headers, sent = chunk_signed(server, path, body)
    assert http("PUT", server.endpoint + path, sent[:-100], {**headers, "content-length": str(len(sent) - 100)})[0] >= 400
    checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    headers, sent = chunk_signed(server, path, body, trailer=("x-amz-checksum-crc32", "AAAAAA=="))
    status, _, answer = http("PUT", server.endpoint + path, sent, headers)
    assert (status, b"BadDigest" in answer) == (400, True)
    assert refused(s3.head_object, Bucket=bucket, Key="chunked")[1] == 404
    headers, sent = chunk_signed(server, path, body, trailer=("x-amz-checksum-crc32", checksum))
    assert http("PUT", server.endpoint + path, sent, headers)[0] == 200
    assert s3.head_object(Bucket=bucket, Key="chunked", ChecksumMode="ENABLED")["ChecksumCRC32"] == checksum
    s3.delete_object(Bucket=bucket, Key="chunked")


def make_user(server, name, statements, account=FIRST):
    iam = server.client("iam", account=account)
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": statements}
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return server.client("s3", key=(key["AccessKeyId"], key["SecretAccessKey"]))


def test_a_narrow_policy_allows_what_it_says(server, s3, bucket):
    arn = f"arn:aws:s3:::{bucket}"
    narrow = make_user(server, "narrow", [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"{arn}/public/*"},
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:DeleteObject"], "Resource": f"{arn}/inbox/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn, "Condition": {"StringEquals": {"s3:prefix": "public/"}}},
    ])
    s3.put_object(Bucket=bucket, Key="public/a", Body=b"a")
    s3.put_object(Bucket=bucket, Key="private/a", Body=b"a")
    assert narrow.get_object(Bucket=bucket, Key="public/a")["Body"].read() == b"a"
    code, status, response = refused(narrow.get_object, Bucket=bucket, Key="private/a")
    assert (code, status) == ("AccessDenied", 403)
    assert f'perform: s3:GetObject on resource: "{arn}/private/a" because no identity-based policy allows' in response["Error"]["Message"]
    # Not found is only for those who may list.
    assert refused(narrow.get_object, Bucket=bucket, Key="public/none")[:2] == ("AccessDenied", 403)
    assert refused(narrow.head_object, Bucket=bucket, Key="public/none")[:2] == ("403", 403)
    assert refused(s3.get_object, Bucket=bucket, Key="public/none")[:2] == ("NoSuchKey", 404)
    assert refused(narrow.get_object, Bucket="no-such-bucket", Key="k")[:2] == ("NoSuchBucket", 404)
    narrow.list_objects_v2(Bucket=bucket, Prefix="public/")
    for arguments in ({}, {"Prefix": "private/"}, {"Prefix": ""}):
        assert refused(narrow.list_objects_v2, Bucket=bucket, **arguments)[0] == "AccessDenied"
    assert refused(narrow.put_object, Bucket=bucket, Key="public/a", Body=b"")[0] == "AccessDenied"
    assert refused(narrow.put_object, Bucket=bucket, Key="inbox/a", Body=b"", Tagging="a=b")[0] == "AccessDenied"
    narrow.put_object(Bucket=bucket, Key="inbox/a", Body=b"")
    source = {"Bucket": bucket, "Key": "private/a"}
    assert refused(narrow.copy_object, Bucket=bucket, Key="inbox/b", CopySource=source)[0] == "AccessDenied"
    narrow.copy_object(Bucket=bucket, Key="inbox/b", CopySource={"Bucket": bucket, "Key": "public/a"})
    keys = ["inbox/a", "inbox/b", "public/a"]
    result = narrow.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert sorted(entry["Key"] for entry in result["Deleted"]) == ["inbox/a", "inbox/b"]
    assert [(entry["Key"], entry["Code"]) for entry in result["Errors"]] == [("public/a", "AccessDenied")]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="private/m")["UploadId"]
    assert refused(narrow.upload_part, Bucket=bucket, Key="private/m", UploadId=upload, PartNumber=1, Body=b"")[0] == "AccessDenied"
    s3.abort_multipart_upload(Bucket=bucket, Key="private/m", UploadId=upload)
    assert refused(narrow.list_buckets)[0] == "AccessDenied"
    for key in ("public/a", "private/a"):
        s3.delete_object(Bucket=bucket, Key=key)


def test_public_access_is_blocked(server, s3, other):
    bucket = make_bucket(s3, "blocked")
    s3.put_object(Bucket=bucket, Key="k", Body=b"k")
    anonymous = boto3.client("s3", endpoint_url=server.endpoint, region_name=REGION, config=Config(signature_version=UNSIGNED))
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}

    def put_policy(**more):
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **more}]}))

    def block(**settings):
        s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=settings)

    def readers():
        return {name for name, client in {"own": s3, "other": other, "anonymous": anonymous}.items() if can_read(client)}

    def can_read(client):
        try:
            return client.get_object(Bucket=bucket, Key="k")["Body"].read() == b"k"
        except ClientError as error:
            assert error.response["Error"]["Code"] == "AccessDenied"
            return False

    assert refused(s3.get_public_access_block, Bucket=bucket)[:2] == ("NoSuchPublicAccessBlockConfiguration", 404)
    block(BlockPublicPolicy=True)
    expected = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True, "RestrictPublicBuckets": False}
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == expected
    code, status, answer = refused(put_policy)
    message = answer["Error"]["Message"]
    assert (code, status) == ("AccessDenied", 403)
    assert "s3:PutBucketPolicy" in message and "because public policies are blocked by the BlockPublicPolicy" in message
    assert server.why(message)["code"] == "IRSA-A008"
    put_policy(Principal={"AWS": f"arn:aws:iam::{SECOND}:root"})
    assert readers() == {"own", "other"}, "that is not public"

    s3.delete_public_access_block(Bucket=bucket)
    put_policy()
    assert readers() == {"own", "other", "anonymous"}
    block(RestrictPublicBuckets=True)
    assert readers() == {"own"}, "the policy stays, and lets in nobody from outside"
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is True
    denial = json.loads(server.run("irsa", "why", "--last", "-o", "json").stdout)["decision"]
    assert denial["principal"] == "anonymous" and "RestrictPublicBuckets" in json.dumps(denial)
    put_policy(Condition={"StringEquals": {"aws:PrincipalAccount": SECOND}})
    assert readers() == {"own", "other"}, "only public policies are restricted"
    s3.delete_public_access_block(Bucket=bucket)
    put_policy()
    assert readers() == {"own", "other", "anonymous"}


def test_tags_of_objects_are_conditions(server, s3, bucket):
    reader = make_user(server, "tag-reader", [{
        "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
        "Condition": {"StringEquals": {"s3:ExistingObjectTag/team": "blue"}},
    }])
    s3.put_object(Bucket=bucket, Key="blue", Body=b"b", Tagging="team=blue")
    s3.put_object(Bucket=bucket, Key="red", Body=b"r", Tagging="team=red")
    assert reader.get_object(Bucket=bucket, Key="blue")["Body"].read() == b"b"
    assert refused(reader.get_object, Bucket=bucket, Key="red")[0] == "AccessDenied"
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "blue"}, {"Key": "red"}]})


def test_bucket_policies(server, s3, other):
    name = make_bucket(s3, "shared")
    arn = f"arn:aws:s3:::{name}"
    s3.put_object(Bucket=name, Key="k", Body=b"shared")
    assert refused(s3.get_bucket_policy, Bucket=name)[:2] == ("NoSuchBucketPolicy", 404)
    policy = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{SECOND}:root"}, "Action": ["s3:GetObject", "s3:PutBucketPolicy"], "Resource": [arn, f"{arn}/*"]},
    ]}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"]) == policy
    assert s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"] is False
    assert other.get_object(Bucket=name, Key="k")["Body"].read() == b"shared"
    assert refused(other.put_object, Bucket=name, Key="k", Body=b"")[0] == "AccessDenied"
    assert refused(other.get_object, Bucket=name, Key="none")[:2] == ("AccessDenied", 403)
    assert refused(other.put_bucket_policy, Bucket=name, Policy=json.dumps(policy))[:2] == ("MethodNotAllowed", 405)
    # Both sides must allow: the bucket's owner alone is not enough.
    stranger = make_user(server, "stranger", [{"Effect": "Allow", "Action": "s3:List*", "Resource": "*"}], account=SECOND)
    assert refused(stranger.get_object, Bucket=name, Key="k")[:2] == ("AccessDenied", 403)
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"{arn}/*"}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({**policy, "Statement": policy["Statement"] + [deny]}))
    message = refused(s3.put_object, Bucket=name, Key="k", Body=b"")[2]["Error"]["Message"]
    assert "with an explicit deny in a resource-based policy" in message
    anyone = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"{arn}/*"}
    assert http("GET", f"{server.endpoint}/{name}/k")[0] == 403
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({**policy, "Statement": [anyone]}))
    assert s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"] is True
    assert http("GET", f"{server.endpoint}/{name}/k")[::2] == (200, b"shared")
    assert http("GET", f"{server.endpoint}/{name}/k?response-content-type=text/html")[0] == 400
    assert http("GET", f"{server.endpoint}/{name}/none")[0] == 403
    assert http("PUT", f"{server.endpoint}/{name}/k", b"evil")[0] == 403
    assert http("DELETE", f"{server.endpoint}/{name}/k")[0] == 403
    assert http("GET", f"{server.endpoint}/no-such-bucket/k")[0] == 404
    for bad, code in [
        ("no json", "MalformedPolicy"),
        (json.dumps({**policy, "Statement": [{**anyone, "Resource": "arn:aws:s3:::other/*"}]}), "MalformedPolicy"),
        (json.dumps({**policy, "Statement": [{**anyone, "Principal": {"AWS": f"arn:aws:iam::{FIRST}:user/nobody"}}]}), "MalformedPolicy"),
    ]:
        assert refused(s3.put_bucket_policy, Bucket=name, Policy=bad)[0] == code
    s3.delete_bucket_policy(Bucket=name)
    assert refused(other.get_object, Bucket=name, Key="k")[0] == "AccessDenied"
    s3.delete_object(Bucket=name, Key="k")
    s3.delete_bucket(Bucket=name)


def test_what_terraform_reads_of_a_bucket(s3, bucket):
    for call, code in [
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_policy", "NoSuchBucketPolicy"),
    ]:
        assert refused(getattr(s3, call), Bucket=bucket)[:2] == (code, 404), call
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket=bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    rules = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert rules[0]["ObjectOwnership"] == "BucketOwnerEnforced"
    same = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=same)
    s3.delete_bucket_encryption(Bucket=bucket)
    other = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}]}
    assert refused(s3.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration=other)[:2] == ("NotImplemented", 501)
    s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "k", "Value": "v"}]
    s3.delete_bucket_tagging(Bucket=bucket)
    rules = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}
    call = refused(s3.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration=rules)
    assert call[:2] == ("NotImplemented", 501)


def test_the_aws_cli(server, bucket, tmp_path):
    large, small = tmp_path / "large.bin", tmp_path / "small.txt"
    large.write_bytes(os.urandom(12 * 1024 * 1024))
    small.write_text("small\n")
    server.run("aws", "s3", "cp", str(large), f"s3://{bucket}/cli/large.bin")
    server.run("aws", "s3", "cp", str(small), f"s3://{bucket}/cli/a b+c.txt")
    listed = server.run("aws", "s3", "ls", f"s3://{bucket}/cli/").stdout
    assert "12582912 large.bin" in listed and "6 a b+c.txt" in listed
    server.run("aws", "s3", "cp", f"s3://{bucket}/cli/large.bin", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == large.read_bytes()
    server.run("aws", "s3", "sync", f"s3://{bucket}/cli/", str(tmp_path / "synced"))
    assert (tmp_path / "synced" / "a b+c.txt").read_text() == "small\n"
    server.run("aws", "s3", "mb", "s3://made-by-cli")
    server.run("aws", "s3", "mv", f"s3://{bucket}/cli/large.bin", "s3://made-by-cli/moved")
    assert "made-by-cli" in server.run("aws", "s3", "ls").stdout
    server.run("aws", "s3", "rb", "s3://made-by-cli", "--force")
    server.run("aws", "s3", "rm", f"s3://{bucket}/cli/", "--recursive")


def test_virtual_hosts(fresh_server):
    server = fresh_server("--s3-domain", "s3.localhost")
    s3 = server.client("s3")
    make_bucket(s3, "by-host")
    s3.put_object(Bucket="by-host", Key="k", Body=b"hosted")
    port = urllib.parse.urlsplit(server.endpoint).port
    host = f"by-host.s3.localhost:{port}"
    request = AWSRequest("GET", f"http://{host}/k")
    S3SigV4Auth(Credentials(*server.key()), "s3", REGION).add_auth(request)
    status, _, body = http("GET", f"{server.endpoint}/k", None, {**dict(request.headers.items()), "Host": host})
    assert (status, body) == (200, b"hosted")


def test_objects_survive_a_kill(fresh_server, tmp_path):
    (tmp_path / "data").mkdir()
    server = fresh_server(data=tmp_path / "data", ephemeral=False)
    s3 = server.client("s3")
    make_bucket(s3, "durable")
    large = os.urandom(6_000_000)
    s3.put_object(Bucket="durable", Key="small", Body=b"small", Metadata={"m": "1"})
    s3.put_object(Bucket="durable", Key="large", Body=large)
    s3.put_object(Bucket="durable", Key="large", Body=large[::-1])
    upload = s3.create_multipart_upload(Bucket="durable", Key="parts")["UploadId"]
    part = s3.upload_part(Bucket="durable", Key="parts", UploadId=upload, PartNumber=1, Body=large)
    (tmp_path / "data" / "objects" / "blobs" / "aa").mkdir(exist_ok=True)
    stray = tmp_path / "data" / "objects" / "blobs" / "aa" / ("aa" + "0" * 30)
    stray.write_bytes(b"left by a crash")
    server.stop(signal.SIGKILL)
    again = fresh_server(data=tmp_path / "data", ephemeral=False)
    s3 = again.client("s3")
    got = s3.get_object(Bucket="durable", Key="small")
    assert (got["Body"].read(), got["Metadata"]) == (b"small", {"m": "1"})
    assert s3.get_object(Bucket="durable", Key="large")["Body"].read() == large[::-1]
    named = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="durable", Key="parts", UploadId=upload, MultipartUpload=named)
    assert s3.get_object(Bucket="durable", Key="parts")["Body"].read() == large
    assert not stray.exists()
    blobs = [path for path in (tmp_path / "data" / "objects" / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) == 2


def test_a_bucket_goes_with_its_unfinished_uploads(s3, other):
    make_bucket(s3, "handed-on")
    upload = s3.create_multipart_upload(Bucket="handed-on", Key="k")["UploadId"]
    s3.upload_part(Bucket="handed-on", Key="k", UploadId=upload, PartNumber=1, Body=b"secret")
    s3.delete_bucket(Bucket="handed-on")
    make_bucket(other, "handed-on")
    assert "Uploads" not in other.list_multipart_uploads(Bucket="handed-on")
    assert refused(other.list_parts, Bucket="handed-on", Key="k", UploadId=upload)[0] == "NoSuchUpload"
    status = refused(s3.head_bucket, Bucket="handed-on")[2]["ResponseMetadata"]
    assert (status["HTTPStatusCode"], status["HTTPHeaders"]["x-amz-bucket-region"]) == (403, REGION)
    other.delete_bucket(Bucket="handed-on")


def test_nobody_is_told_of_nothing(server, bucket):
    for method, path in [
        ("GET", "/"), ("PUT", "/anonymous-bucket"), ("GET", f"/{bucket}"), ("HEAD", f"/{bucket}"), ("DELETE", f"/{bucket}"),
        ("GET", f"/{bucket}?policy"), ("PUT", f"/{bucket}/k"), ("POST", f"/{bucket}/k?uploads"), ("GET", f"/{bucket}?lifecycle"),
        ("PUT", f"/{bucket}?lifecycle"), ("GET", f"/{bucket}?inventory&id=1"), ("GET", f"/{bucket}?versions"),
    ]:
        status, _, body = http(method, server.endpoint + path, b"<x/>" if method in ("PUT", "POST") else None)
        assert status in (403, 400), (method, path, body)
        assert method == "HEAD" or b"AccessDenied" in body or b"MalformedXML" in body, (method, path, body)


def test_what_a_request_body_may_not_do(server, s3, bucket):
    url = f"{server.endpoint}/{bucket}"
    form = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nbody\r\n--x--\r\n'
    assert http("POST", url, form, {"Content-Type": "multipart/form-data; boundary=x"})[0] == 501
    assert refused(s3.head_object, Bucket=bucket, Key="k")[1] == 404
    huge = b"<Delete>" + b" " * 5_000_000 + b"</Delete>"
    headers = signed_request(server, "POST", f"/{bucket}?delete", huge, {"X-Amz-Content-SHA256": hashlib.sha256(huge).hexdigest()})
    assert http("POST", url + "?delete", huge, headers)[0] == 400
    deep = b"<Delete>" + b"<Object>" * 100_000
    headers = signed_request(server, "POST", f"/{bucket}?delete", deep, {"X-Amz-Content-SHA256": hashlib.sha256(deep).hexdigest()})
    status, _, body = http("POST", url + "?delete", deep, headers)
    assert (status, b"MalformedXML" in body) == (400, True)


def test_concurrent_writers_leave_one_whole_object(server, s3, bucket):
    bodies = [bytes([n]) * (20_000 if n % 2 else 1_000) for n in range(16)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda body: s3.put_object(Bucket=bucket, Key="race", Body=body), bodies))
        winners = pool.map(lambda body: attempt(s3.put_object, Bucket=bucket, Key="once", Body=body, IfNoneMatch="*"), bodies)
        assert sum(winners) == 1
        reads = pool.map(lambda _: s3.get_object(Bucket=bucket, Key="race")["Body"].read(), range(64))
        writes = [pool.submit(s3.put_object, Bucket=bucket, Key="race", Body=body) for body in bodies]
        assert all(body in bodies for body in reads)
        [write.result() for write in writes]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "race"}, {"Key": "once"}]})


def attempt(call, **arguments):
    try:
        call(**arguments)
        return True
    except ClientError:
        return False


def test_multipart_checksums_by_the_transfer_manager(s3, bucket, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(17_000_000))
    for algorithm, kind in (("CRC32", "COMPOSITE"), ("SHA256", "COMPOSITE")):
        s3.upload_file(str(large), bucket, "managed", ExtraArgs={"ChecksumAlgorithm": algorithm})
        head = s3.head_object(Bucket=bucket, Key="managed", ChecksumMode="ENABLED")
        assert head["ChecksumType"] in (kind, "FULL_OBJECT") and f"Checksum{algorithm}" in head
        s3.download_file(bucket, "managed", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == large.read_bytes()
        attributes = s3.get_object_attributes(Bucket=bucket, Key="managed", ObjectAttributes=["ObjectParts", "Checksum"])
        assert attributes["ObjectParts"]["TotalPartsCount"] == 3
    s3.delete_object(Bucket=bucket, Key="managed")


# Every operation that is served, with the least that it can be called with. A row is missing here when one was added there.
SWEEP = {
    "AbortMultipartUpload": {"Key": "k", "UploadId": "u"},
    "CompleteMultipartUpload": {"Key": "k", "UploadId": "u", "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": "x"}]}},
    "CopyObject": {"Key": "k", "CopySource": "wire-bucket/k"},
    "CreateBucket": {"Bucket": "swept", "CreateBucketConfiguration": {"LocationConstraint": REGION}},
    "CreateMultipartUpload": {"Key": "k"},
    "DeleteBucket": {}, "DeleteBucketEncryption": {}, "DeleteBucketPolicy": {}, "DeleteBucketTagging": {},
    "DeletePublicAccessBlock": {},
    "DeleteObject": {"Key": "k"}, "DeleteObjectTagging": {"Key": "k"},
    "DeleteObjects": {"Delete": {"Objects": [{"Key": "k"}]}},
    "GetBucketAccelerateConfiguration": {}, "GetBucketAcl": {}, "GetBucketCors": {}, "GetBucketEncryption": {},
    "GetBucketLifecycleConfiguration": {}, "GetBucketLocation": {}, "GetBucketLogging": {},
    "GetBucketNotificationConfiguration": {}, "GetBucketOwnershipControls": {}, "GetBucketPolicy": {},
    "GetBucketPolicyStatus": {}, "GetBucketReplication": {}, "GetBucketRequestPayment": {}, "GetBucketTagging": {},
    "GetBucketVersioning": {}, "GetBucketWebsite": {},
    "GetObject": {"Key": "k"}, "GetObjectAcl": {"Key": "k"},
    "GetObjectAttributes": {"Key": "k", "ObjectAttributes": ["ETag"]},
    "GetObjectLockConfiguration": {}, "GetObjectTagging": {"Key": "k"}, "GetPublicAccessBlock": {},
    "HeadBucket": {}, "HeadObject": {"Key": "k"},
    "ListBuckets": {"Bucket": None}, "ListMultipartUploads": {}, "ListObjectVersions": {}, "ListObjects": {},
    "ListObjectsV2": {}, "ListParts": {"Key": "k", "UploadId": "u"},
    "PutBucketEncryption": {"ServerSideEncryptionConfiguration": {"Rules": [{"BucketKeyEnabled": False}]}},
    "PutPublicAccessBlock": {"PublicAccessBlockConfiguration": {}},
    "PutBucketPolicy": {"Policy": "{}"}, "PutBucketTagging": {"Tagging": {"TagSet": []}},
    "PutObject": {"Key": "k", "Body": b"x"}, "PutObjectTagging": {"Key": "k", "Tagging": {"TagSet": []}},
    "UploadPart": {"Key": "k", "UploadId": "u", "PartNumber": 1, "Body": b"x"},
    "UploadPartCopy": {"Key": "k", "UploadId": "u", "PartNumber": 1, "CopySource": "wire-bucket/k"},
}


def test_every_operation_is_denied_to_who_has_no_right(server, s3, bucket):
    table = (ROOT / "crates" / "irsa-cloud" / "src" / "s3" / "protocol.rs").read_text()
    served = re.findall(r'^    \w+:\s+"(\w+)",', table, re.MULTILINE)
    assert sorted(served) == sorted(SWEEP)
    s3.put_object(Bucket=bucket, Key="k", Body=b"k")
    powerless = make_user(server, "powerless", [{"Effect": "Allow", "Action": "iam:GetUser", "Resource": "*"}])
    for operation, given in SWEEP.items():
        arguments = {"Bucket": bucket, **given}
        arguments = {name: value for name, value in arguments.items() if value is not None}
        call = getattr(powerless, xform_name(operation))
        if operation == "DeleteObjects":
            assert [error["Code"] for error in call(**arguments)["Errors"]] == ["AccessDenied"]
            continue
        code, status, _ = refused(call, **arguments)
        assert (code, status) in {("AccessDenied", 403), ("403", 403)}, operation
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"k"
    s3.delete_object(Bucket=bucket, Key="k")
