# So much of the AWS provider as the server has operations for; `step` 2 changes whatever can be changed in place.
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
  backend "s3" {
    bucket       = "terraform-state"
    key          = "team/state.json"
    region       = "eu-central-1"
    use_lockfile = true
    encrypt      = true
  }
}

variable "step" {
  type    = number
  default = 1
}

provider "aws" {
  region = "eu-central-1"
  default_tags {
    tags = { managed = "terraform" }
  }
}

data "aws_caller_identity" "me" {}
data "aws_partition" "this" {}
data "aws_iam_session_context" "me" {
  arn = data.aws_caller_identity.me.arn
}

resource "aws_iam_user" "this" {
  name          = "u"
  path          = "/team/"
  force_destroy = true
  tags          = { step = var.step }
}

resource "aws_iam_access_key" "this" {
  user   = aws_iam_user.this.name
  status = var.step == 1 ? "Active" : "Inactive"
}

resource "aws_iam_user_policy" "this" {
  user = aws_iam_user.this.name
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Resource = "*" }]
  })
}

resource "aws_iam_role" "this" {
  name_prefix           = "r-"
  path                  = "/team/"
  description           = "step ${var.step}"
  max_session_duration  = 3600 * var.step
  permissions_boundary  = aws_iam_policy.boundary.arn
  force_detach_policies = true
  tags                  = { step = var.step }
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Step${var.step}"
      Effect    = "Allow"
      Action    = ["sts:AssumeRole", "sts:TagSession"]
      Principal = { AWS = aws_iam_user.this.arn }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  role = aws_iam_role.this.id
  name = "inline"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Sid = "", Effect = "Allow", Action = "s3:ListAllMyBuckets", Resource = "*" }]
  })
}

resource "aws_iam_policy" "boundary" {
  name   = "boundary"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })
}

resource "aws_iam_policy" "this" {
  name_prefix = "p-"
  description = "reads"
  tags        = { step = var.step }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "s3:GetObject"
      Resource = "arn:${data.aws_partition.this.partition}:s3:::x/${var.step}/*"
    }]
  })
}

resource "aws_iam_policy_attachment" "this" {
  name       = "everybody"
  roles      = [aws_iam_role.this.name]
  users      = [aws_iam_user.this.name]
  policy_arn = aws_iam_policy.this.arn
}

data "aws_iam_policy" "of_aws" {
  name = "AmazonS3ReadOnlyAccess"
}

resource "aws_iam_user_policy_attachment" "of_aws" {
  user       = aws_iam_user.this.name
  policy_arn = data.aws_iam_policy.of_aws.arn
}

resource "aws_iam_openid_connect_provider" "this" {
  url             = "https://oidc.eks.eu-central-1.amazonaws.com/id/ABCDEF0123456789ABCDEF0123456789"
  client_id_list  = var.step == 1 ? ["sts.amazonaws.com"] : ["sts.amazonaws.com", "other"]
  thumbprint_list = ["${var.step}e99a48a9960b14926bb7f3b02e22da2b0ab7280"]
  tags            = { step = var.step }
}

data "aws_iam_openid_connect_provider" "this" {
  arn = aws_iam_openid_connect_provider.this.arn
}

data "aws_iam_role" "this" {
  name = aws_iam_role.this.name
}

data "aws_iam_user" "this" {
  user_name = aws_iam_user.this.name
}

# Deciding takes what was attached before.
data "aws_iam_principal_policy_simulation" "this" {
  action_names      = ["s3:GetObject"]
  policy_source_arn = aws_iam_role.this.arn
  resource_arns     = ["arn:aws:s3:::x/1/a"]
  depends_on        = [aws_iam_policy_attachment.this]
}

resource "aws_eks_cluster" "this" {
  name                      = "c"
  role_arn                  = aws_iam_role.this.arn
  version                   = var.step == 1 ? "1.32" : "1.33"
  enabled_cluster_log_types = var.step == 1 ? ["api"] : ["api", "audit"]
  tags                      = { step = var.step }
  vpc_config {
    subnet_ids              = ["subnet-1"]
    endpoint_private_access = var.step == 2
    endpoint_public_access  = true
  }
}

data "aws_eks_cluster_auth" "this" {
  name = aws_eks_cluster.this.name
}

data "aws_eks_clusters" "all" {
  depends_on = [aws_eks_cluster.this]
}

resource "aws_s3_bucket" "this" {
  bucket_prefix = "b-"
  force_destroy = true
  tags          = { step = var.step }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_policy     = true
  restrict_public_buckets = var.step == 2
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = aws_iam_role.this.arn }
      Action    = "s3:GetObject"
      Resource  = "${aws_s3_bucket.this.arn}/${var.step}/*"
    }]
  })
}

resource "aws_s3_object" "this" {
  bucket             = aws_s3_bucket.this.id
  key                = "a b/c+d.txt"
  content            = "step ${var.step}"
  content_type       = "text/plain"
  metadata           = { step = var.step }
  tags               = { step = var.step }
  checksum_algorithm = "SHA256"
}

resource "aws_s3_object_copy" "this" {
  bucket            = aws_s3_bucket.this.id
  key               = "copy"
  source            = "${aws_s3_object.this.bucket}/${aws_s3_object.this.key}"
  tagging_directive = "REPLACE"
}

data "aws_s3_bucket" "this" {
  bucket = aws_s3_bucket.this.id
}

data "aws_s3_object" "copy" {
  bucket     = aws_s3_bucket.this.id
  key        = aws_s3_object_copy.this.key
  depends_on = [aws_s3_object_copy.this]
}

output "copied" {
  value = data.aws_s3_object.copy.body
}

output "allowed" {
  value = data.aws_iam_principal_policy_simulation.this.all_allowed
}

output "issuer" {
  value = data.aws_iam_session_context.me.issuer_arn
}
