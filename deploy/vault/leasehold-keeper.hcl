# All that a keeper token may do: read one key. The operator opens one keeper for
# each key of an IAM user and ends the key by ending the keeper.
#
#   vault policy write leasehold-keeper deploy/vault/leasehold-keeper.hcl
#
# The operator's login must hold this policy too, beside leasehold: Vault refuses
# to hand out a policy that the login lacks ("child policies must be subset of
# parent").
#
# With --cluster-name narrow it to "aws/creds/k8s.<cluster>.*", without one to
# "aws/creds/k8s.-.*". For engines at other paths write a block for each, or one
# for all of them: "+/creds/k8s.*" (+ stands for one path segment).
path "aws/creds/k8s.*" {
  capabilities = ["read"]
}
