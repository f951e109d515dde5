//! The three servers together.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::SignedDuration;
use leasehold_sandbox::aws::{FaultPlan, Request, sign};
use leasehold_sandbox::face::Calls;
use leasehold_sandbox::faults::{FaultPlan as FaultPlanOfAll, Rule};
use leasehold_sandbox::{Config, Sandbox};
use serde_json::{Value, json};

use crate::client::{Client, Said};

/// With Vault's AWS engine mounted, configured, and a role `app`.
async fn sandbox() -> Sandbox {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let (key, secret) = sandbox.aws_root();
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ec2:*","Resource":"*"}}"#;
    for (path, body) in [
        ("sys/mounts/aws", json!({"type": "aws"})),
        (
            "aws/config/root",
            json!({"access_key": key, "secret_key": secret}),
        ),
        (
            "aws/config/lease",
            json!({"lease": "1h", "lease_max": "1h"}),
        ),
        (
            "aws/roles/app",
            json!({"credential_type": "iam_user", "policy_document": policy}),
        ),
    ] {
        tell(&sandbox, path, &body);
    }
    sandbox
}

fn tell(sandbox: &Sandbox, path: &str, body: &Value) -> Value {
    let (status, answer) = sandbox.ask_vault("POST", &format!("/v1/{path}"), Some(body));
    assert!(status < 300, "{path}: {status} {answer}");
    answer
}

/// All but Vault's own.
fn users(sandbox: &Sandbox) -> usize {
    let state = sandbox.with_aws(|aws| aws.state());
    state["users"].as_object().unwrap().len() - 1
}

fn plan_aws(sandbox: &Sandbox, rule: &Value) {
    let plan: FaultPlan = serde_json::from_value(json!({ "rules": [rule] })).unwrap();
    sandbox.with_aws(|aws| aws.set_faults(plan));
}

/// A call to Vault as root, over HTTP.
async fn over_http(sandbox: &Sandbox, line: &str) -> Option<Said> {
    let mut client = Client::to(sandbox.addresses()[1]).await;
    let token = sandbox.root_token();
    client
        .send(format!(
            "{line} HTTP/1.1\r\nHost: h\r\nX-Vault-Token: {token}\r\n\r\n"
        ))
        .await;
    client.answer().await
}

#[tokio::test]
async fn each_is_on_a_port_of_the_loopback() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let has = ["resourceVersion", "sealed", "account"];
    for (address, field) in sandbox.addresses().into_iter().zip(has) {
        assert!(address.ip().is_loopback());
        let mut client = Client::to(address).await;
        let state = client.ask("GET /_stand_in/state", "").await.unwrap();
        assert!(!state.json()[field].is_null(), "{field}: {}", state.body);
    }
}

#[tokio::test]
async fn a_kubeconfig_names_the_server_and_the_administrator() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let config: Value = serde_saphyr::from_str(&sandbox.kubeconfig()).unwrap();
    assert_eq!(
        config["clusters"][0]["cluster"]["server"],
        sandbox.kube_url()
    );
    assert_eq!(config["users"][0]["user"]["token"], sandbox.kube_token());
    let mut client = Client::to(sandbox.addresses()[0]).await;
    let ask = |token: &str| {
        format!("GET /api/v1/secrets HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n")
    };
    for (token, status) in [(sandbox.kube_token(), 200), ("nobody's", 401)] {
        client.send(ask(token)).await;
        assert_eq!(client.answer().await.unwrap().status, status);
    }
    assert_eq!(
        client.ask("GET /api/v1/secrets", "").await.unwrap().status,
        403
    );
}

#[tokio::test]
async fn vault_makes_users_in_aws_and_ends_them_when_their_time_is_over() {
    let sandbox = sandbox().await;
    let said = over_http(&sandbox, "GET /v1/aws/creds/app").await.unwrap();
    assert_eq!(said.status, 200, "{}", said.body);
    assert_eq!(users(&sandbox), 1);
    sandbox.clock().advance(SignedDuration::from_mins(61));
    while users(&sandbox) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_fast_clock_ends_them_by_itself() {
    let sandbox = sandbox().await;
    let (status, answer) = sandbox.ask_vault("GET", "/v1/aws/creds/app", None);
    assert_eq!(status, 200, "{answer}");
    sandbox.clock().set_rate(36_000.0);
    while users(&sandbox) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn aws_that_is_slow_makes_vaults_answer_late_and_nobody_elses() {
    let sandbox = sandbox().await;
    plan_aws(
        &sandbox,
        &json!({"action": "CreateUser", "times": 1, "delay_ms": 100}),
    );
    let slow = over_http(&sandbox, "GET /v1/aws/creds/app");
    let others = async {
        while users(&sandbox) == 0 {
            tokio::task::yield_now().await;
        }
        over_http(&sandbox, "GET /v1/aws/roles/app").await.unwrap()
    };
    tokio::pin!(slow);
    tokio::select! {
        biased;
        said = others => assert_eq!(said.status, 200),
        _ = &mut slow => panic!("nobody waited for AWS"),
    }
    assert_eq!(slow.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_cut_between_vault_and_aws_is_before_or_after_the_effect() {
    for (cut, made) in [("before", 0), ("after", 1)] {
        let sandbox = sandbox().await;
        plan_aws(&sandbox, &json!({"action": "CreateUser", "cut": cut}));
        let (status, answer) = sandbox.ask_vault("GET", "/v1/aws/creds/app", None);
        assert!(status >= 400, "{status}");
        assert!(
            answer["errors"][0].as_str().unwrap().contains("EOF"),
            "{answer}"
        );
        assert_eq!(users(&sandbox), made, "{cut}");
    }
}

#[tokio::test]
async fn where_nobody_is_vault_says_so() {
    let sandbox = sandbox().await;
    let (key, secret) = sandbox.aws_root();
    let elsewhere = json!({
        "access_key": key, "secret_key": secret,
        "iam_endpoint": "http://127.0.0.1:1", "sts_endpoint": "http://127.0.0.1:1",
    });
    tell(&sandbox, "aws/config/root", &elsewhere);
    let (_, answer) = sandbox.ask_vault("GET", "/v1/aws/creds/app", None);
    let words = answer["errors"][0].as_str().unwrap();
    assert!(
        words.contains("dial tcp 127.0.0.1:1: connect: connection refused"),
        "{words}"
    );
    // And at the address it listens at, AWS is found.
    let url = sandbox.aws_url();
    let there = json!({
        "access_key": key, "secret_key": secret, "iam_endpoint": url, "sts_endpoint": url,
    });
    tell(&sandbox, "aws/config/root", &there);
    assert_eq!(sandbox.ask_vault("GET", "/v1/aws/creds/app", None).0, 200);
}

/// A token of the ServiceAccount `default` of the namespace `default`.
fn service_account_token(sandbox: &Sandbox) -> String {
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": "app", "namespace": "default"},
    });
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    assert_eq!(sandbox.ask_kube("POST", accounts, Some(&account)).0, 201);
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 3600},
    });
    let path = format!("{accounts}/app/token");
    let (_, answer) = sandbox.ask_kube("POST", &path, Some(&request));
    answer["status"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn vault_asks_kubernetes_whose_a_token_is() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    tell(
        &sandbox,
        "sys/auth/kubernetes",
        &json!({"type": "kubernetes"}),
    );
    let config = json!({
        "kubernetes_host": "https://kubernetes.default.svc",
        "token_reviewer_jwt": sandbox.kube_token(),
        "disable_local_ca_jwt": true,
    });
    tell(&sandbox, "auth/kubernetes/config", &config);
    let role = json!({
        "bound_service_account_names": "app", "bound_service_account_namespaces": "default",
    });
    tell(&sandbox, "auth/kubernetes/role/app", &role);
    let jwt = service_account_token(&sandbox);
    let login = |jwt: &str| {
        let body = json!({"role": "app", "jwt": jwt});
        sandbox.ask_vault("POST", "/v1/auth/kubernetes/login", Some(&body))
    };
    let (status, answer) = login(&jwt);
    assert_eq!(status, 200, "{answer}");
    assert!(answer["auth"]["client_token"].is_string());
    sandbox.clock().advance(SignedDuration::from_hours(2));
    assert_eq!(login(&jwt).0, 403, "the token is over");
}

#[tokio::test]
async fn what_is_too_large_gets_each_servers_own_error() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let [kube, vault, aws] = sandbox.addresses();
    for (address, length, words) in [
        (
            kube,
            (3 << 20) + 1,
            "Request entity too large: limit is 3145728",
        ),
        (vault, (32 << 20) + 1, "http: request body too large"),
        (aws, (1 << 20) + 1, "Request Entity Too Large"),
    ] {
        let mut client = Client::to(address).await;
        let said = client.ask("POST /v1/x", &"x".repeat(length)).await.unwrap();
        assert_eq!(said.status, 413);
        assert!(said.body.contains(words), "{}", said.body);
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_an_error_that_names_it() {
    let first = Sandbox::start(Config::default()).await.unwrap();
    let config = Config {
        vault_address: first.addresses()[1],
        ..Config::default()
    };
    let error = Sandbox::start(config).await.unwrap_err();
    let expected = format!("cannot listen at {}", first.addresses()[1]);
    assert_eq!(error.to_string(), expected);
    let addresses: [SocketAddr; 3] = first.addresses();
    first.stop().await;
    for address in addresses {
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let printed = format!("{sandbox:?} {:?}", Config::default());
    for secret in [sandbox.kube_token(), sandbox.aws_root().1] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn kubernetes_and_vault_may_speak_tls() {
    let config = Config {
        kube_tls: true,
        vault_tls: true,
        names: vec!["vault.demo.svc".to_owned()],
        ..Config::default()
    };
    let sandbox = Sandbox::start(config).await.unwrap();
    assert!(sandbox.kube_url().starts_with("https://127.0.0.1:"));
    assert!(sandbox.vault_url().starts_with("https://127.0.0.1:"));
    assert!(sandbox.aws_url().starts_with("http://127.0.0.1:"));
    let kubeconfig: Value = serde_saphyr::from_str(&sandbox.kubeconfig()).unwrap();
    let cluster = &kubeconfig["clusters"][0]["cluster"];
    assert!(cluster["certificate-authority-data"].is_string());
    let published = "/api/v1/namespaces/default/configmaps/kube-root-ca.crt";
    let mut client = Client::to(sandbox.addresses()[0]).await;
    let said = client.ask("GET /version", "").await.unwrap();
    assert_eq!(said.status, 400, "plain HTTP: {}", said.body);
    loop {
        let (status, answer) = sandbox.ask_kube("GET", published, None);
        if status == 200 {
            assert_eq!(answer["data"]["ca.crt"].as_str(), sandbox.authority());
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn calls_are_counted_and_so_are_those_under_way() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let slow = Rule {
        delay_ms: 3_600_000,
        ..Rule::default()
    };
    let plan = FaultPlanOfAll { rules: vec![slow] };
    sandbox.with_vault(|vault| vault.set_faults(plan));
    let mut waiting = Client::to(sandbox.addresses()[1]).await;
    waiting
        .send("GET /v1/sys/health HTTP/1.1\r\nHost: h\r\n\r\n")
        .await;
    while sandbox.calls().begun == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(sandbox.calls().ended, 0);
    let mut client = Client::to(sandbox.addresses()[0]).await;
    client.ask("GET /version", "").await.unwrap();
    assert_eq!(sandbox.calls(), Calls { begun: 2, ended: 1 });
}

#[tokio::test]
async fn aws_believes_tokens_that_this_kubernetes_signed() {
    let sandbox = Sandbox::start(Config::default()).await.unwrap();
    let path = "/api/v1/namespaces/default/serviceaccounts";
    let pod = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "pod"}});
    sandbox.ask_kube("POST", path, Some(&pod));
    let ask = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": ["sts.amazonaws.com"]}});
    let (_, answer) = sandbox.ask_kube("POST", &format!("{path}/pod/token"), Some(&ask));
    let token = answer["status"]["token"].as_str().unwrap().to_owned();
    let forged = format!(
        "{}x",
        token.rsplit_once('.').unwrap().0.to_owned() + ".AAAA"
    );
    let request = |form: String| Request {
        method: "POST".into(),
        path: "/".into(),
        headers: vec![("Host".into(), "localhost".into())],
        body: form.into_bytes(),
    };
    // A role that trusts somebody else: what AWS says next shows whether the token was believed.
    let mut create = request(
        "Action=CreateRole&Version=2010-05-08&RoleName=other&AssumeRolePolicyDocument=\
         {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\
         \"Principal\":{\"AWS\":\"*\"},\"Action\":\"sts:AssumeRole\"}]}"
            .into(),
    );
    let (key, secret) = sandbox.aws_root();
    let now = sandbox.clock().now();
    sign(&mut create, key, secret, None, ("us-east-1", "iam"), now);
    let made = sandbox.with_aws(|aws| aws.handle(&create, now));
    assert_eq!(made.status, 200, "{}", made.body);
    let believed = |token: &str| {
        let arn = "arn:aws:iam::123456789012:role/other";
        let ask = request(format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={arn}\
             &RoleSessionName=pod&WebIdentityToken={token}"
        ));
        sandbox.with_aws(|aws| aws.handle(&ask, now)).body
    };
    assert!(
        believed(&token).contains("Not authorized"),
        "{}",
        believed(&token)
    );
    assert!(
        believed(&forged).contains("retrieve verification key"),
        "{}",
        believed(&forged)
    );
}
