//! What kubectl is told.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A kubeconfig with one cluster and one user.
pub(super) fn text(url: &str, authority: Option<&str>, token: &str) -> String {
    let authority = authority.map_or_else(String::new, |pem| {
        format!("    certificate-authority-data: {}\n", STANDARD.encode(pem))
    });
    // A token may hold anything that a JSON string may, and YAML reads those.
    let token = serde_json::Value::from(token);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         current-context: sandbox\n\
         clusters:\n\
         - name: sandbox\n\
         \x20 cluster:\n\
         \x20   server: {url}\n\
         {authority}\
         contexts:\n\
         - name: sandbox\n\
         \x20 context:\n\
         \x20   cluster: sandbox\n\
         \x20   user: sandbox\n\
         users:\n\
         - name: sandbox\n\
         \x20 user:\n\
         \x20   token: {token}\n"
    )
}
