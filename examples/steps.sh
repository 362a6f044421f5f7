# What the scenarios share: saying what happens, and checking that it did.
# Sourced by every `run`; expects the environment of `eval "$(irsa env)"` and the real `aws` and `kubectl` on PATH.
set -euo pipefail
export AWS_EC2_METADATA_DISABLED=true AWS_PAGER=""
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Neither this machine's profiles nor credentials that an earlier run cached play a part.
export HOME=$work
irsa=${IRSA_BIN:-irsa}

step() { printf '\n-- %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

# Runs a command that must be denied; its message goes to $work/denied.
must_be_denied() {
  if "$@" >"$work/denied" 2>&1; then cat "$work/denied"; fail "this should have been denied: $*"; fi
  grep -q 'AccessDenied\|Forbidden\|403' "$work/denied" || { cat "$work/denied"; fail "this should have been AccessDenied: $*"; }
  grep 'AccessDenied\|Forbidden\|403' "$work/denied"
}

# The operator's explanation of the newest denial must say this.
why_must_say() {
  "$irsa" why --last >"$work/why"
  grep -q -- "$1" "$work/why" || { cat "$work/why"; fail "irsa why should have said: $1"; }
  cat "$work/why"
}

must_equal() { [ "$1" = "$2" ] || fail "expected '$2', got '$1'"; }

# Fills @NAME@ placeholders of a file from the variables NAME=value that follow it.
filled() {
  local text; text=$(cat "$1"); shift
  local pair; for pair in "$@"; do text=${text//@${pair%%=*}@/${pair#*=}}; done
  printf '%s\n' "$text"
}

# A cluster of ours with a kubeconfig of its own, made by the real aws.
make_cluster() {
  aws eks create-cluster --name "$1" --role-arn "arn:aws:iam::$account:role/cluster" --resources-vpc-config '{}' >"$work/cluster.json"
  aws eks update-kubeconfig --name "$1" --kubeconfig "$work/kubeconfig" >/dev/null
  export KUBECONFIG=$work/kubeconfig
}

register_provider() {
  aws iam create-open-id-connect-provider --url "$1" --client-id-list sts.amazonaws.com --query OpenIDConnectProviderArn --output text
}
account=$(aws sts get-caller-identity --query Account --output text)
