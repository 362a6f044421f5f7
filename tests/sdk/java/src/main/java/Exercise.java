import java.util.Map;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.sts.StsClient;

/** What an application does: default credentials, who am I, write, read, list, delete. Prints one line of JSON. */
public class Exercise {
    public static void main(String[] arguments) {
        String bucket = arguments[0];
        String arn = StsClient.create().getCallerIdentity().arn();
        S3Client s3 = S3Client.builder().forcePathStyle(arguments[1].equals("path")).build();
        String key = "from java/ключ +%.txt";
        s3.putObject(
                put -> put.bucket(bucket).key(key).contentType("text/plain").metadata(Map.of("from", "java")),
                RequestBody.fromString("hello"));
        var got = s3.getObjectAsBytes(get -> get.bucket(bucket).key(key));
        var listed = s3.listObjectsV2(list -> list.bucket(bucket).prefix("from java/"));
        s3.deleteObject(delete -> delete.bucket(bucket).key(key));
        String denied = "";
        try {
            s3.getObjectAsBytes(get -> get.bucket("somebody-elses-bucket").key(key));
        } catch (S3Exception error) {
            denied = error.awsErrorDetails().errorCode();
        }
        System.out.printf(
                "{\"arn\": \"%s\", \"body\": \"%s\", \"type\": \"%s\", \"metadata\": {\"from\": \"%s\"}, \"keys\": [\"%s\"], \"denied\": \"%s\"}%n",
                arn, got.asUtf8String(), got.response().contentType(), got.response().metadata().get("from"),
                listed.contents().get(0).key(), denied);
    }
}
