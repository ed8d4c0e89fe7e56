# All that the service may do in OpenBao. Each deployment has such a policy, and a role to sign in with, of its own.
path "secret/data/DEPLOYMENT/*"              { capabilities = ["read"] }
path "secret/metadata/DEPLOYMENT/*"          { capabilities = ["read"] }
path "database/creds/DEPLOYMENT-features"    { capabilities = ["read"] }
path "sys/leases/revoke"                     { capabilities = ["update"] }
