// What an application does: default credentials, who am I, write, read, list, delete. Prints one line of JSON.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import path from "node:path";

// The SDK is installed beside the tests, not beside this file.
const require = createRequire(pathToFileURL(path.join(process.env.SDK_MODULES, "package.json")));
const { S3Client, PutObjectCommand, GetObjectCommand, ListObjectsV2Command, DeleteObjectCommand } = require("@aws-sdk/client-s3");
const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");

const [bucket, style] = process.argv.slice(2);
const identity = await new STSClient({}).send(new GetCallerIdentityCommand({}));
const s3 = new S3Client({ forcePathStyle: style === "path" });
const Key = "from javascript/ключ +%.txt";
await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: "hello", ContentType: "text/plain", Metadata: { from: "javascript" } }));
const got = await s3.send(new GetObjectCommand({ Bucket: bucket, Key }));
const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "from javascript/" }));
await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }));
let denied = "";
try {
  await s3.send(new GetObjectCommand({ Bucket: "somebody-elses-bucket", Key }));
} catch (error) {
  denied = error.name;
}
console.log(JSON.stringify({
  arn: identity.Arn, body: await got.Body.transformToString(), type: got.ContentType, metadata: got.Metadata,
  keys: listed.Contents.map((item) => item.Key), denied,
}));
