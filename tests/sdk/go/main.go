// What an application does: default credentials, who am I, write, read, list, delete. Prints one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	ctx, bucket, style := context.Background(), os.Args[1], os.Args[2]
	settings := must(config.LoadDefaultConfig(ctx))
	identity := must(sts.NewFromConfig(settings).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	client := s3.NewFromConfig(settings, func(options *s3.Options) { options.UsePathStyle = style == "path" })
	key := aws.String("from go/ключ +%.txt")
	must(client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: key, Body: strings.NewReader("hello"),
		ContentType: aws.String("text/plain"), Metadata: map[string]string{"from": "go"},
	}))
	got := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: key}))
	body := must(io.ReadAll(got.Body))
	listed := must(client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("from go/")}))
	must(client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &bucket, Key: key}))
	_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("somebody-elses-bucket"), Key: key})
	denied := ""
	var failure smithy.APIError
	if errors.As(err, &failure) {
		denied = failure.ErrorCode()
	}
	keys := []string{}
	for _, item := range listed.Contents {
		keys = append(keys, *item.Key)
	}
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"arn": identity.Arn, "body": string(body), "type": got.ContentType, "metadata": got.Metadata, "keys": keys, "denied": denied,
	})
}
