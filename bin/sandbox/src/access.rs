//! How kubectl, vault and aws find the servers.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use leasehold_sandbox::Sandbox;
use tempfile::{NamedTempFile, TempDir};

use crate::args::Args;

const KUBECONFIG: &str = "kubeconfig";

/// What clients are told, and the file they are told in.
pub struct Access {
    /// Name and value, in order.
    variables: Vec<(&'static str, String)>,
    /// Goes with this.
    _folder: Option<TempDir>,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    /// Writes the kubeconfig, for its owner's eyes only.
    pub fn write(sandbox: &Sandbox, dir: Option<&Path>) -> anyhow::Result<Self> {
        let (path, folder) = if let Some(dir) = dir {
            (std::path::absolute(dir)?, None)
        } else {
            let folder = tempfile::Builder::new()
                .prefix("leasehold-sandbox-")
                .tempdir()
                .context("no folder for the kubeconfig can be made")?;
            (folder.path().to_owned(), Some(folder))
        };
        let path = write(&path, &sandbox.kubeconfig())
            .with_context(|| format!("the kubeconfig cannot be written into {}", path.display()))?;
        let (key, secret) = sandbox.aws_root();
        let variables = vec![
            ("KUBECONFIG", path.display().to_string()),
            ("VAULT_ADDR", sandbox.vault_url()),
            ("VAULT_TOKEN", sandbox.root_token().to_owned()),
            ("AWS_ENDPOINT_URL", sandbox.aws_url()),
            ("AWS_ACCESS_KEY_ID", key.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
        ];
        Ok(Self {
            variables,
            _folder: folder,
        })
    }

    /// Where the kubeconfig is.
    pub fn kubeconfig(&self) -> &str {
        self.variables
            .iter()
            .find(|(name, _)| *name == "KUBECONFIG")
            .map_or("", |(_, path)| path)
    }

    /// What to paste into another shell.
    pub fn told(&self, args: &Args) -> String {
        let mut text = String::from(
            "# leasehold-sandbox: stand-ins for Kubernetes, Vault and AWS. NOT FOR PRODUCTION.\n\
             # Nothing is kept: Ctrl-C here ends it all. Paste this into another shell:\n",
        );
        if !args.listen.is_loopback() {
            text.push_str(
                "# It listens beyond this machine: whoever reads these lines may use it.\n",
            );
        }
        for (name, value) in &self.variables {
            let _ = writeln!(text, "export {name}={}", quoted(value));
        }
        text.push_str(if args.no_operator {
            "# The operator does not run; as yours: leasehold run --listen off\n"
        } else {
            "# The operator is at work. Then, for example:\n\
             #   kubectl apply -f examples/seeds/000-secretengine.yaml -f examples/seeds/000-awsrole.yaml\n\
             #   kubectl get secretengines,awsroles -n demo\n"
        });
        text
    }
}

/// Made new and then moved to its name, so that no other file's rights are taken over.
fn write(folder: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    let path = folder.join(KUBECONFIG);
    file.persist(&path)?;
    Ok(path)
}

/// As a shell reads it back.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/:@%+=,".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn values_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("/tmp/a-b/kubeconfig"), "/tmp/a-b/kubeconfig");
        assert_eq!(quoted("/tmp/my folder"), "'/tmp/my folder'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
