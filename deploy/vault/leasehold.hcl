# What the operator's own login to Vault may do, and why. It manages one AWS
# secrets engine, mounted at aws/. For an engine at another path write each
# block that begins with aws/ or sys/mounts/aws once more with that path; a glob
# (sys/mounts/aws-*) lets the operator choose the paths itself.
#
#   vault policy write leasehold deploy/vault/leasehold.hcl
#
# The login needs two policies: this one, and leasehold-keeper beside it, since
# Vault lets nobody hand out a policy that he does not hold. It must not be
# allowed to write policies or auth roles: then it could give itself anything.

# A SecretEngine mounts the engine (update), looks whose mount it is (read), and
# unmounts its own when it is deleted. Without delete: deletionPolicy Retain.
path "sys/mounts/aws" {
  capabilities = ["create", "read", "update", "delete"]
}

# How long a key lives if config/lease does not say it. Read only: the operator
# tunes nothing.
path "sys/mounts/aws/tune" {
  capabilities = ["read"]
}

# The AWS credentials Vault itself works with: written from the Secret that the
# SecretEngine names, read back without the secret half to see drift.
path "aws/config/root" {
  capabilities = ["create", "read", "update"]
}

# How long a key lives (spec.aws.leaseConfig), and whether that drifted.
path "aws/config/lease" {
  capabilities = ["create", "read", "update"]
}

# One Vault role for each AWSRole, k8s.<cluster>.<namespace>.<name>. With
# --cluster-name narrow it to k8s.<cluster>.*: other clusters' roles are then out
# of reach.
path "aws/roles/k8s.*" {
  capabilities = ["create", "read", "update", "delete"]
}

# Keys of AWS STS (assumed_role, federation_token, session_token) are read under
# the login itself, because nothing can revoke them: here for requests with
# useSTS, at aws/creds/ by way of leasehold-keeper. Not needed without useSTS.
path "aws/sts/k8s.*" {
  capabilities = ["read"]
}

# A keeper token for each key of an IAM user: when it ends, its key ends. With a
# tokenRole in the AppBinding write auth/token/create/<that role> instead.
path "auth/token/create-orphan" {
  capabilities = ["create", "update"]
}

# Whose is a keeper? Looked up before each revocation: nothing foreign is ended.
path "auth/token/lookup-accessor" {
  capabilities = ["update"]
}

# Ends a keeper and the key under it. Vault cannot limit this to keepers: it
# reaches every token whose accessor is known, and accessors cannot be listed
# with this policy.
path "auth/token/revoke-accessor" {
  capabilities = ["update"]
}

# Is the key gone? Asked until Vault no longer knows the lease.
path "sys/leases/lookup" {
  capabilities = ["update"]
}

# Only after a revocation failed: to hear why from AWS, and to try once more.
path "sys/leases/revoke" {
  capabilities = ["update"]
}

# The login itself: how long it lives, and longer please. Both are in Vault's
# default policy; here for logins without it.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}
