"""kill -9 at any moment: what was acknowledged is there afterwards. IRSA_KILLS sets how often (`./test crash`: a hundred times)."""

import os
import random
import signal
import threading
import time

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from conftest import REGION

KILLS = int(os.environ.get("IRSA_KILLS", "8"))
BUCKET = "kill-bucket"


class Writer(threading.Thread):
    """Writes until the server is gone, and remembers what was acknowledged."""

    def __init__(self, server, write, round_number, worker):
        super().__init__(daemon=True)
        self.write, self.prefix, self.acknowledged = write, f"r{round_number}-w{worker}", []
        self.client = server.client("s3" if write == "object" else "iam", connect_timeout=2, read_timeout=5)

    def run(self):
        for number in range(100_000):
            name = f"{self.prefix}-{number}"
            try:
                if self.write == "object":
                    size = 40_000 if number % 5 == 0 else 100
                    self.client.put_object(Bucket=BUCKET, Key=name, Body=name.encode() * (size // len(name)))
                else:
                    self.client.create_user(UserName=name)
            except (ClientError, BotoCoreError, OSError):
                return
            self.acknowledged.append(name)


@pytest.mark.timeout(60 + 10 * KILLS)
def test_no_acknowledged_write_is_lost(fresh_server, tmp_path):
    dice = random.Random(7)
    users, objects = set(), set()
    server = fresh_server(ephemeral=False, data=tmp_path)
    server.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for round_number in range(KILLS):
        writers = [Writer(server, write, round_number, worker) for worker, write in enumerate(["user", "object", "object"])]
        for writer in writers:
            writer.start()
        time.sleep(dice.uniform(0.05, 0.6))
        server.stop(signal.SIGKILL)
        for writer in writers:
            writer.join(timeout=20)
            (objects if writer.write == "object" else users).update(writer.acknowledged)
        server = fresh_server(ephemeral=False, data=tmp_path)
        iam, s3 = server.client("iam"), server.client("s3")
        if len(users) > 4_500:  # AWS's quota is 5,000 users an account
            for name in list(users)[:4_000]:
                iam.delete_user(UserName=name)
                users.discard(name)
        pages = iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 1_000})
        there = {user["UserName"] for page in pages for user in page["Users"]}
        assert users <= there, f"round {round_number}: lost {sorted(users - there)[:5]}"
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
        keys = {item["Key"] for page in pages for item in page.get("Contents", [])}
        assert objects <= keys, f"round {round_number}: lost {sorted(objects - keys)[:5]}"
    for key in dice.sample(sorted(objects), min(50, len(objects))):
        body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert body == key.encode() * (len(body) // len(key)), f"{key} is not what was written"
    assert users and objects
