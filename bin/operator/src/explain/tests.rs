use std::path::PathBuf;

use super::*;

const NOW: &str = "2026-01-01T00:00:00Z";

fn told(files: &[&str], approved: bool) -> String {
    let examples = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let parsed = files.iter().flat_map(|file| {
        let text = std::fs::read_to_string(examples.join(file)).unwrap();
        manifests::parse(file, &text).unwrap()
    });
    explain(
        parsed.collect(),
        approved,
        &Settings::default(),
        NOW.parse().unwrap(),
    )
}

#[test]
fn the_quick_start_waits_for_a_person_and_then_issues() {
    let files = [
        "quickstart/1-vault.yaml",
        "quickstart/2-secretengine.yaml",
        "quickstart/3-awsrole.yaml",
        "quickstart/4-request.yaml",
    ];
    let before = told(&files, false);
    for line in [
        "# quickstart/1-vault.yaml, document 1: AppBinding is passed over\n",
        "# quickstart/1-vault.yaml, document 2: Secret is passed over\n",
        "SecretEngine demo/aws:\n",
        "vault: mount aws at aws/\n",
        "vault: write aws/config/lease (lease 1h0m0s, lease_max 24h0m0s)\n",
        "vault: write aws/roles/k8s.-.demo.bucket-reader (iam_user)",
        "status: Success\n",
        "status: WaitingForApproval\n",
    ] {
        assert!(before.contains(line), "{line}\n{before}");
    }
    assert!(!before.contains("creds/"), "{before}");

    let after = told(&files, true);
    for line in [
        "vault: open a keeper",
        "vault: read aws/creds/k8s.-.demo.bucket-reader once under keeper <accessor 1>\n",
        "kube: store the key in Secret app-",
        "status: Issued\n",
        "Ready=True",
    ] {
        assert!(after.contains(line), "{line}\n{after}");
    }
}

#[test]
fn the_seeds_are_explained() {
    let files = ["seeds/000-secretengine.yaml", "seeds/000-awsrole.yaml"];
    let requests = [
        "seeds/000-awsaccesskeyrequest.yaml",
        "seeds/001-awsaccesskeyrequest.yaml",
    ];
    let text = told(&[&files[..], &requests[..]].concat(), true);
    assert!(
        text.contains("vault: write aws/roles/k8s.-.demo.aws-role (iam_user)"),
        "{text}"
    );
    assert!(text.contains("status: Issued\n"), "{text}");
}

#[test]
fn a_role_elsewhere_is_assumed_and_said_to_be() {
    let text = told(&["seeds/000-awsaccesskeyrequest.yaml"], false);
    let words = "assumed: AWSRole demo/aws-role is not among the manifests";
    assert!(text.contains(words), "{text}");
}

#[test]
fn errors_name_file_document_and_field() {
    let refused = |text: &str| manifests::parse("x.yaml", text).unwrap_err().to_string();
    let role = "apiVersion: engine.kubevault.com/v1alpha1\nkind: AWSRole\nmetadata: {name: r}\n";
    let error = refused(&format!(
        "a: 1\napiVersion: v1\nkind: ConfigMap\n---\n{role}spec:\n  vaultRef: {{name: 7}}\n  credentialType: iam_user\n"
    ));
    assert!(
        error.starts_with("x.yaml, document 2, field spec.vaultRef.name: "),
        "{error}"
    );
    let error = refused(&format!("{role}spec: {{credentialType: iam_user}}\n"));
    assert!(
        error.contains("field spec") && error.contains("vaultRef"),
        "{error}"
    );
    assert!(refused("a: [").contains("x.yaml is not YAML"));
    assert!(refused("a: 1").contains("not a Kubernetes manifest"));
}

#[test]
fn lists_are_taken_apart_and_empty_documents_passed_over() {
    let text = "---\n---\nkind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Secret}\n";
    let manifests = manifests::parse("-", text).unwrap();
    assert_eq!(manifests.len(), 1);
    assert!(
        manifests[0].place.ends_with("item 1"),
        "{}",
        manifests[0].place
    );
}

#[test]
fn a_file_that_is_not_there_and_a_pipe() {
    let mut args = ExplainArgs {
        filename: vec!["no-such-file.yaml".into()],
        approved: false,
        cluster_name: "-".into(),
    };
    let mut out = Vec::new();
    let error = run(&args, &mut std::io::empty(), &mut out).unwrap_err();
    assert_eq!(error.to_string(), "reading no-such-file.yaml");
    args.filename = vec!["-".into()];
    run(&args, &mut &b"apiVersion: v1\nkind: Secret\n"[..], &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text,
        "# standard input, document 1: Secret is passed over\n"
    );
}

#[test]
fn the_end_of_a_live_request_is_told_to_its_end() {
    let text = r#"{"apiVersion": "engine.kubevault.com/v1alpha1", "kind": "AWSAccessKeyRequest",
        "metadata": {"name": "app", "namespace": "demo", "uid": "u", "finalizers": ["kubevault.com"],
            "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"roleRef": {"name": "r", "namespace": "demo"}, "subjects": []},
        "status": {"conditions": [{"type": "Approved"}], "approvedGeneration": 1,
            "secret": {"name": "app-x"},
            "lease": {"id": "aws/creds/r/1", "duration": "1h0m0s", "renewable": true},
            "credential": {"keeper": "acc", "issuedAt": "2025-12-31T23:59:00Z",
                "expiresAt": "2026-01-01T00:59:00Z", "renewAt": "2026-01-01T00:40:00Z",
                "vault": {"clusterID": "c", "mount": "aws", "namespace": "demo", "appBinding": "v"}}}}"#;
    let parsed = manifests::parse("live", text).unwrap();
    let told = explain(parsed, false, &Settings::default(), NOW.parse().unwrap());
    for line in [
        "vault: revoke keeper acc\n",
        "vault: look up lease aws/creds/r/1\n",
        "kube: remove our finalizer\n",
        "status: none, the object is gone\n",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
}
