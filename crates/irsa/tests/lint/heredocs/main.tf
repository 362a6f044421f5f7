# The account of the cluster.
resource "aws_iam_policy" "assume" {
  name   = "reader"
  policy = <<EOF_POLICY
// May take on the role of the other account
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Action": "sts:AssumeRole",
      "Resource": "arn:aws:iam::444455556666:role/reader-b",
      "Effect": "Allow",
      "Sid": ""
    }
  ]
}
EOF_POLICY
}

resource "aws_iam_role" "reader" {
  name = "reader-a"

  assume_role_policy = <<EOF_POLICY
// Trusts the ServiceAccount
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "arn:aws:iam::111122223333:oidc-provider/${local.oidc}"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "${local.oidc}:sub": "system:serviceaccount:dev:reader"
        }
      }
    }
  ]
}
EOF_POLICY
}

# The other account.
resource "aws_iam_policy" "bucket" {
  name   = "reader"
  policy = <<EOF_POLICY
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Action": "s3:*",
      "Resource": [
        "arn:aws:s3:::${aws_s3_bucket.this.bucket}",
        "arn:aws:s3:::${aws_s3_bucket.this.bucket}/*"
      ],
      "Effect": "Allow",
      "Sid": ""
    }
  ]
}
EOF_POLICY
}

resource "aws_iam_role" "reader_b" {
  name = "reader-b"

  assume_role_policy = <<EOF_POLICY
// Trusts the role of the first account
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::111122223333:role/reader-a"
      },
      "Action": "sts:AssumeRole"
    }
  ]
}
EOF_POLICY
}
